"""Staged versions as the log and the report have them: arms, their sample ratio, and decisions that are made again."""

from collections.abc import Sequence

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.experiments.rollout import Rollout, RolloutArm
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.errors import OtherVersion
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.measure import open_log
from engine.measure.replay import ReplayResult, replay_log
from engine.measure.report.build import Report
from engine.measure.report.figures import Figure
from engine.model.decision import Decision
from engine.model.instant import SECOND, from_datetime
from engine.model.request import Request
from tests.logs import Log
from tests.measure.report.exports import BEGIN, book_of

TEXT = """
book: {name: tea, timezone: UTC, attribution: {window: 1s}}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
attributes: {profile.email: {type: text}}
offers: {ginger: {name: Ginger, content: {default: {title: Ginger}}}}
campaigns: {warm: {offer: ginger, channels: [mail]}}
"""
LIVE = book_of(TEXT)
STAGED = book_of(TEXT.replace("title: Ginger", "title: Hot ginger"))
ROLLOUT = Rollout(STAGED.version, "stage", 0.25)
PERSONS = [f"person-{number}" for number in range(400)]


async def decided(ledger: Ledger, compiled: CompiledBook, *, staged: bool, names: Sequence[str]) -> list[str]:
    """Decides for the persons whom the version on its side serves; their names."""
    engine = Engine(compiled, ledger)
    engine.arm = RolloutArm(ROLLOUT, staged)
    start = from_datetime(BEGIN)
    answers = await engine.decide_all(
        [
            Request(name, start + number * SECOND, {"profile.email": "a@example.com"})
            for number, name in enumerate(names)
        ]
    )
    for answer in answers:
        assert isinstance(answer, Decision | OtherVersion), answer
    return [name for name, answer in zip(names, answers, strict=True) if isinstance(answer, Decision)]


async def both(log: Log, only: Sequence[str] = PERSONS) -> tuple[list[str], list[str]]:
    """Decides for persons by both versions, as a server does that guesses wrong each time; by live and by staged."""
    ledger = Ledger(open_store(log.url))
    live = await decided(ledger, compile_book(LIVE), staged=False, names=PERSONS)
    staged = await decided(ledger, compile_book(STAGED), staged=True, names=only)
    ledger.close()
    return live, staged


def cell(report: Report, name: str) -> Figure:
    """A figure of the only row of persons by arm."""
    (row,) = report.grid("stages_cohorts").rows
    assert row["version"] == STAGED.version
    figure = row[name]
    assert isinstance(figure, Figure)
    return figure


async def test_each_person_is_decided_for_by_one_version(any_log: Log) -> None:
    """The report has the arms and finds their sizes right; every decision is made again from the log, bit by bit."""
    live, staged = await both(any_log)
    assert sorted([*live, *staged]) == sorted(PERSONS)
    assert staged == [name for name in PERSONS if ROLLOUT.takes(name)]
    report = open_log(any_log.url).report(LIVE)
    assert (cell(report, "treated").value, cell(report, "control").value) == (len(staged), len(live))
    assert (cell(report, "sample ratio p").value or 0.0) > 0.001
    store = open_store(any_log.url)
    assert {replayed.result for replayed in replay_log(store, Books(store))} == {ReplayResult.EQUAL}
    store.close()


async def test_arms_of_wrong_sizes_are_not_believed(any_log: Log) -> None:
    """Where most persons of the staged version are lost, its effect is refused with the p of the sample ratio."""
    await both(any_log, only=PERSONS[:40])
    report = open_log(any_log.url).report(LIVE)
    assert (cell(report, "sample ratio p").value or 0.0) < 0.001
    (section,) = [section for section in report.sections if section.name == "stages"]
    assert "sample ratio mismatch" in section.refusals[0]
