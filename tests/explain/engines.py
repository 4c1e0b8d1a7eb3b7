"""Engines on real ledgers, for explaining."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import Change, ChangeKind
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import lay_out, open_store
from engine.model.decision import Reason
from engine.model.request import Mode, Request


@contextmanager
def engine_on(compiled: CompiledBook, log: Path) -> Iterator[Engine]:
    """An engine that settles in a log of its own."""
    if not log.exists():
        lay_out(log)
    ledger = Ledger(open_store(f"sqlite:///{log}"))
    try:
        yield Engine(compiled, ledger)
    finally:
        ledger.close()


async def stage(engine: Engine, request: Request, campaign: str) -> Reason | None:
    """What becomes of the campaign when the request is decided; None where it falls before it is ranked."""
    decision = await engine.decide(request._replace(mode=Mode.PREVIEW))
    return next(
        (outcome.reason for outcome in decision.candidate_outcomes if outcome.campaign == campaign), None
    )


def changed_request(request: Request, change: Change, compiled: CompiledBook) -> Request:
    """The request as a caller would send it if the change were made; of changes of the request and its moment."""
    match change.kind:
        case ChangeKind.ATTRIBUTE:
            attributes = {name: value for name, value in request.attributes.items() if name != change.name}
            if change.after is not None:
                attributes[change.name] = change.after
            return request._replace(attributes=attributes)
        case ChangeKind.CONSENT:
            return request._replace(consents=frozenset({*request.consents, change.name}))
        case ChangeKind.CHANNEL:
            named = () if request.placement else request.channels
            return request._replace(channels=(*named, change.name), placement="", max_offers=1)
        case ChangeKind.PLACEMENT:
            room = compiled.book.placements[change.name].max_offers
            return request._replace(placement=change.name, channels=(), max_offers=room)
        case ChangeKind.TIME:
            assert isinstance(change.after, int)
            return request._replace(now=change.after)
    raise AssertionError(f"{change.kind} changes the book")
