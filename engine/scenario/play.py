"""Playing scenarios through the real procedure, each on an empty ledger of its own."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.decide.compiled import LiveBook
from engine.engine import Engine
from engine.explain import explain
from engine.ledger.commit.events import Recorded, Recording
from engine.ledger.commit.outcomes import Reporting
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.sqlite import SqliteStore
from engine.scenario.expect import differences
from engine.scenario.model import Difference, Link, Record, Result, Scenario, Step
from engine.scenario.stories import decision_of

Advance = Callable[[], object]


def play(live: LiveBook, scenarios: Sequence[Scenario], advance: Advance = lambda: None) -> list[Result]:
    """The results, in order; `advance` is called after each. Raises LedgerError when one could not be played."""
    return asyncio.run(_play_all(live, scenarios, advance))


async def _play_all(live: LiveBook, scenarios: Sequence[Scenario], advance: Advance) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.db"
        open_store(f"sqlite:///{empty}").close()
        for scenario in scenarios:
            with _engine(live, empty) as engine:
                decided: dict[str, str] = {}
                found = [each for step in scenario.steps for each in await _take(engine, step, decided)]
            results.append(Result(scenario, tuple(found)))
            advance()
    return results


async def _take(engine: Engine, step: Step, decided: dict[str, str]) -> list[Difference]:
    """Does what the step says; what is not as expected of it. Explained first: the decision changes what pressure sees.

    decided: the ids of the decisions so far, by what stands in for them.
    """
    if isinstance(step.act, Record):
        events = [_of_decision(one, decided) for one in step.act.events]
        return list(_not_kept(step, step.act, await engine.record(events)))
    if isinstance(step.act, Link):
        await engine.link(step.act.linking)
        return []
    explained = await explain(engine, step.act.request)
    (asked,) = await engine.ask_all([step.act.request])
    decision = await engine.settle(asked)
    decided[decision_of(step.number)] = decision.decision_id
    return differences(engine.live, step, asked.request, decision, explained)


def _of_decision(one: Recording | Reporting, decided: Mapping[str, str]) -> Recording | Reporting:
    if isinstance(one, Reporting) and one.decision_id:
        return one._replace(decision_id=decided[one.decision_id])
    return one


def _not_kept(step: Step, act: Record, answers: Sequence[Recorded | LedgerError]) -> Iterator[Difference]:
    """The events that were not accepted: a second one of a name."""
    for recording, answer in zip(act.events, answers, strict=True):
        if answer is not Recorded.ACCEPTED:
            key = f"record {recording.event.event_id}"
            yield Difference(step.number, key, act.place, Recorded.ACCEPTED, str(answer))


@contextmanager
def _engine(live: LiveBook, empty: Path) -> Iterator[Engine]:
    """An engine on a copy of the empty ledger, which is much sooner made than a new one."""
    path = empty.with_name("scenario.db")
    shutil.copyfile(empty, path)
    ledger = Ledger(SqliteStore(f"sqlite:///{path}"))
    try:
        yield Engine(live, ledger)
    finally:
        ledger.close()
        path.unlink()
