"""Playing scenarios through the real procedure, each on an empty ledger of its own."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import explain
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.sqlite import SqliteStore
from engine.scenario.expect import differences
from engine.scenario.model import Difference, Link, Record, Result, Scenario, StoryStep
from engine.scenario.stories import decision_of

Advance = Callable[[], object]


def play(
    compiled: CompiledBook, scenarios: Sequence[Scenario], advance: Advance = lambda: None
) -> list[Result]:
    """The results, in order; `advance` is called after each. Raises LedgerError when one could not be played."""
    return asyncio.run(_play_all(compiled, scenarios, advance))


async def _play_all(compiled: CompiledBook, scenarios: Sequence[Scenario], advance: Advance) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.db"
        open_store(f"sqlite:///{empty}").close()
        for scenario in scenarios:
            with _engine(compiled, empty) as engine:
                decided: dict[str, str] = {}
                found = [each for step in scenario.steps for each in await _take(engine, step, decided)]
            results.append(Result(scenario, tuple(found)))
            advance()
    return results


async def _take(engine: Engine, step: StoryStep, decided: dict[str, str]) -> list[Difference]:
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
    (asked,) = await engine.evaluate_all([step.act.request])
    decision = await engine.commit(asked)
    decided[decision_of(step.number)] = decision.decision_id
    return differences(engine.compiled, step, asked.request, decision, explained)


def _of_decision(
    one: RecordCommand | ReportCommand, decided: Mapping[str, str]
) -> RecordCommand | ReportCommand:
    if isinstance(one, ReportCommand) and one.decision_id:
        return replace(one, decision_id=decided[one.decision_id])
    return one


def _not_kept(
    step: StoryStep, act: Record, answers: Sequence[RecordResult | LedgerError]
) -> Iterator[Difference]:
    """The events that were not accepted: a second one of a name."""
    for recording, answer in zip(act.events, answers, strict=True):
        if answer is not RecordResult.ACCEPTED:
            key = f"record {recording.event.event_id}"
            yield Difference(step.number, key, act.place, RecordResult.ACCEPTED, str(answer))


@contextmanager
def _engine(compiled: CompiledBook, empty: Path) -> Iterator[Engine]:
    """An engine on a copy of the empty ledger, which is much sooner made than a new one."""
    path = empty.with_name("scenario.db")
    shutil.copyfile(empty, path)
    ledger = Ledger(SqliteStore(f"sqlite:///{path}"))
    try:
        yield Engine(compiled, ledger)
    finally:
        ledger.close()
        path.unlink()
