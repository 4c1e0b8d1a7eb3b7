"""The supervisor: as many workers as wanted, always, until told to stop; on SIGHUP new ones, with the book as it is then.

It starts no gRPC, and opens the log only to bring it to the newest form before the first worker: what could crash or hang is
in the workers. Should it die itself they notice, finish what they accepted, and leave.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog

from engine.counters import counted
from engine.ledger.open import open_store
from engine.observe.where import where_to
from engine.server.listen import CannotServe
from engine.server.run import open_door
from engine.server.stop import stop_on_signals
from engine.server.watch import follow
from engine.settings import Settings
from engine.workers.crew import Crew
from engine.workers.edition import Edition
from engine.workers.orders import Orders
from engine.workers.port import held_port
from engine.workers.process import WORKER
from engine.workers.renewal import Renewal
from engine.workers.shown import metrics_port, shown

log = structlog.get_logger()


async def supervise(
    edition: Edition,
    settings: Settings,
    announce: Callable[[str], None],
    *,
    as_json: bool,
    command: Sequence[str] = WORKER,
) -> None:
    """Serves by `settings.workers` processes until told to stop, and returns when all of them have left.

    announce: called once with the address, when all of them serve. command: starts a worker. Raises CannotServe,
    LedgerUnavailable.
    """
    open_door(settings)
    stop = stop_on_signals()
    where_to(os.environ)  # what is wrong there is said once, and not by each worker
    with held_port(settings) as port:
        open_store(settings.log, busy_timeout=settings.busy_timeout).close()
        ordered = settings.model_copy(update={"port": port})

        def orders(number: int, edition: Edition) -> Orders:
            own = ordered.model_copy(update={"metrics_port": metrics_port(settings, number)})
            return Orders(number, own, edition, as_json)

        crew = Crew(orders, command)
        serving = asyncio.create_task(
            _serve(crew, edition, settings, partial(announce, f"{settings.host}:{port}"))
        )
        told = asyncio.create_task(stop.told())
        await asyncio.wait((serving, told), return_when=asyncio.FIRST_COMPLETED)
        log.info("draining", seconds=settings.grace)
        serving.cancel()
        told.cancel()
        left = await crew.leave(stop)
        failed = (await asyncio.gather(serving, return_exceptions=True))[0]
    log.info("stopped", **counted())
    if isinstance(failed, Exception):
        raise failed
    if not left:
        raise CannotServe("a worker had to be killed: what it had accepted may have got no answer")


async def _serve(crew: Crew, edition: Edition, settings: Settings, announce: Callable[[], None]) -> None:
    """Starts the workers, and renews them at SIGHUP and, where that is wanted, when the book changes. Raises CannotServe."""
    folder = Path(settings.rules)
    renewal = Renewal(crew, folder, edition.version)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, renewal.restart)
    endpoint = shown(settings, crew, renewal)
    await crew.start(edition, settings.workers)
    announce()
    log.info("watching", workers=settings.workers, version=edition.version)
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(renewal.run())
            if settings.watch:
                both.create_task(follow(folder, renewal.look))
    finally:
        if endpoint is not None:
            await asyncio.to_thread(endpoint.close)
