"""Plays scenarios through the engine, each on an empty ledger of its own."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bid_prices import BidPrices
from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.explain import explain
from engine.ledger.commit.events import RecordCommand, RecordResult, WarnedResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import lay_out
from engine.ledger.store.sqlite import SqliteStore
from engine.scenario.assigned import with_positions
from engine.scenario.compare import differences
from engine.scenario.coverage import Coverage
from engine.scenario.model import Decide, Difference, Link, Record, Result, Scenario, StoryStep
from engine.scenario.stories import decision_of

Advance: TypeAlias = Callable[[], object]
"""Called after each scenario."""


def play(
    compiled: CompiledBook,
    scenarios: Sequence[Scenario],
    advance: Advance = lambda: None,
    coverage: Coverage | None = None,
) -> list[Result]:
    """The results, in order; raises LedgerError when a scenario could not be played.

    coverage: is given what each decision reached.
    """
    return asyncio.run(_play_all(compiled, scenarios, advance, coverage))


async def _play_all(
    compiled: CompiledBook, scenarios: Sequence[Scenario], advance: Advance, coverage: Coverage | None
) -> list[Result]:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for scenario in scenarios:
            with _ledger(Path(folder) / "scenario.db") as ledger:
                decided: dict[str, str] = {}
                learned = Learned(BidPrices(scenario.prices))
                if scenario.past is not None:
                    await ledger.commit(scenario.past)
                await ledger.commit_all(scenario.objections)
                unmet = [
                    unmet
                    for step in scenario.steps
                    for unmet in await _take((compiled, ledger, learned), step, decided, coverage)
                ]
            results.append(Result(scenario, tuple(unmet)))
            advance()
    return results


async def _take(
    played_by: tuple[CompiledBook, Ledger, Learned],
    step: StoryStep,
    decided: dict[str, str],
    coverage: Coverage | None,
) -> list[Difference]:
    """Take the step; returns the expectations that are not met.

    The request is explained before it is decided, because the decision changes what pressure rules count. decided: the ids of
    the decisions so far, by `decision_of` of their steps.
    """
    compiled, ledger, learned = played_by
    if isinstance(step.act, Decide):
        compiled = with_positions(compiled, step.act.positions)
    engine = Engine(compiled, ledger, None, learned)
    if isinstance(step.act, Record):
        events = [_with_decision_id(command, decided) for command in step.act.events]
        return list(_not_accepted(step, step.act, await engine.record(events)))
    if isinstance(step.act, Link):
        await engine.link(step.act.linking)
        return []
    explained = await explain(engine, step.act.request)
    (evaluation,) = await engine.evaluate_all([step.act.request])
    decision = await engine.commit(evaluation)
    decided[decision_of(step.number)] = decision.decision_id
    if coverage is not None:
        coverage.see(evaluation, decision, explained)
    return differences(compiled, step, evaluation.request, decision, explained)


def _with_decision_id(
    command: RecordCommand | ReportCommand, decided: Mapping[str, str]
) -> RecordCommand | ReportCommand:
    if isinstance(command, ReportCommand) and command.decision_id:
        return replace(command, decision_id=decided[command.decision_id])
    return command


def _not_accepted(
    step: StoryStep, act: Record, results: Sequence[RecordResult | WarnedResult | LedgerError]
) -> Iterator[Difference]:
    """The events that were not accepted, such as a second one with the same event_id."""
    for command, answer in zip(act.events, results, strict=True):
        result = answer.result if isinstance(answer, WarnedResult) else answer
        if result is not RecordResult.ACCEPTED:
            key = f"record {command.event.event_id}"
            yield Difference(step.number, key, act.source, RecordResult.ACCEPTED, str(result))


@contextmanager
def _ledger(path: Path) -> Iterator[Ledger]:
    """An empty ledger at the path, for the length of a block."""
    lay_out(path)
    ledger = Ledger(SqliteStore(f"sqlite:///{path}"))
    try:
        yield ledger
    finally:
        ledger.close()
        path.unlink()
