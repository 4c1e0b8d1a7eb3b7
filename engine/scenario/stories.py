"""What the steps of a story record: events, and outcomes of the decisions before them, with every mistake at its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from engine.api.v1.decisions_pb2 import Customer, RecordedEvent, RecordRequest
from engine.client.events import event_of
from engine.decide.compiled import CompiledBook
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.instant import Instant
from engine.model.outcome import OutcomeType
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.scenario.contexts import divided, moment, shown, typed_event
from engine.scenario.shapes import StepShape, TestShape
from engine.wire.parse import Parser
from engine.wire.record import parse_recordings
from engine.wire.violations import InvalidMessage

_OUTCOME_KEYS = ("of", "channel", "campaign")


_OUTCOMES = frozenset(map(str, OutcomeType))


def decision_of(step: int) -> str:
    """Stands in for the id of the decision that a step will lead to."""
    return f"step {step}"


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads what steps record, against one live book."""

    compiled: CompiledBook
    findings: Findings

    def read(
        self,
        customer: str,
        events: Sequence[Mapping[str, Any]],
        now: Instant,
        path: Path,
        decided: Sequence[int],
    ) -> tuple[RecordCommand | ReportCommand, ...]:
        """What is recorded of the customer at the moment; what is wrong goes to the findings.

        An event without a moment happens then, and one without a name has that of its place in the file. decided: the
        numbers of the steps before that asked.
        """
        found: list[RecordCommand | ReportCommand] = []
        for place, values in enumerate(events):
            found += self._one(customer, values, now, (*path, place), decided)
        return tuple(found)

    def _one(
        self, customer: str, values: Mapping[str, Any], now: Instant, path: Path, decided: Sequence[int]
    ) -> Iterator[RecordCommand | ReportCommand]:
        told = {key: values[key] for key in _OUTCOME_KEYS if key in values}
        plain = {key: value for key, value in values.items() if key not in told}
        named = {"event_id": ".".join(map(str, path)), "at": shown(now, ZoneInfo("UTC")), **plain}
        try:
            event = event_of("record", typed_event(named, "record", self.compiled.book))
            recorded = RecordedEvent(customer=Customer(id=customer), event=event)
            for key in ("channel", "campaign"):
                setattr(recorded, key, told.get(key, ""))
        except (TypeError, ValueError, OverflowError) as error:
            self._report(*divided(str(error)), path)
            return
        if event.type in _OUTCOMES or "of" in told:
            recorded.decision_id = self._decision(told, (*path, "of"), decided)
        yield from self._parsed(recorded, now, path)

    def _decision(self, told: Mapping[str, Any], path: Path, decided: Sequence[int]) -> str:
        """The decision that it happened to: that of the step that is named, else the latest, unless it names a channel."""
        if "of" not in told:
            return decision_of(decided[-1]) if decided and "channel" not in told else ""
        step = told["of"]
        if step not in decided:
            steps = ", ".join(map(str, decided)) or "there is none"
            self.findings.error(path, Code.VALUE, "must be the number of an earlier step that decides", steps)
        return decision_of(step)

    def _parsed(
        self, recorded: RecordedEvent, now: Instant, path: Path
    ) -> Iterator[RecordCommand | ReportCommand]:
        for one in parse_recordings(Parser(self.compiled), RecordRequest(events=[recorded]), now):
            match one:
                case RecordCommand() | ReportCommand():
                    yield one
                case InvalidMessage(violations=violations):
                    for each in violations:
                        self._report(each.field.removeprefix("events[0]."), each.description, path)
                case _:
                    self.findings.error(path, Code.VALUE, str(one))

    def _report(self, where: str, message: str, path: Path) -> None:
        self.findings.error(path, Code.VALUE, f"{where}: {message}" if where else message)


_DOING = {"record": "recording", "link": "linking"}


UNREADABLE: Instant = 0
"""Stands in for a moment that is wrong, so that the rest of the test is checked."""


@dataclass(frozen=True, slots=True)
class StoryMoment:
    """One moment of a test, as it is written."""

    number: int
    """From 1; 0 in a test that is no story."""
    at: Instant
    decide: dict[str, Any]
    """What differs from the test's customer."""
    decide_path: Path
    record: list[dict[str, Any]] | None
    """What the customer did before; instead of asking."""
    record_path: Path
    link: Sequence[str]
    """Names that turn out to be the customer's; instead of asking."""
    link_path: Path
    name: str | None
    """The one under which the customer acts, where it is not the id."""
    expect: dict[str, Any] | None
    expect_path: Path


def moments(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> list[StoryMoment]:
    """The test's moments that could be read; what is wrong with them goes to the findings."""
    if shape.story is None:
        return list(_plain(shape, path, zone, findings))
    for key in ("now", "expect"):
        if getattr(shape, key) is not None:
            text = f"`{key}` beside `story`: each step says its own"
            findings.key_error((*path, key), Code.DUPLICATE, text)
    read = (_step(each, i, (*path, "story", i), zone, findings) for i, each in enumerate(shape.story))
    found = [one for one in read if one is not None]
    for before, after in pairwise(found):
        if UNREADABLE < after.at < before.at:
            where = (*path, "story", after.number - 1, "at")
            findings.error(where, Code.VALUE, "a step earlier than the one before it")
    return found


def _plain(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> Iterator[StoryMoment]:
    if shape.now is None and (*path, "now") not in findings.poisoned:
        hint = "for example now: 2026-03-10T10:00+08:00, or a `story` of steps"
        findings.key_error(path, Code.MISSING, "`now` is missing", hint)
    if shape.expect is None and (*path, "expect") not in findings.poisoned:
        findings.key_error(path, Code.MISSING, "`expect` is missing", "for example expect: {outcome: offer}")
    at = None if shape.now is None else moment(shape.now, zone, (*path, "now"), findings)
    yield StoryMoment(
        0, at or UNREADABLE, {}, path, None, path, (), path, None, shape.expect, (*path, "expect")
    )


def _step(data: Any, index: int, path: Path, zone: ZoneInfo, findings: Findings) -> StoryMoment | None:
    shape = shaped(StepShape, data, path, findings)
    if shape is None:
        return None
    _check_act(shape, path, findings)
    at = moment(shape.at, zone, (*path, "at"), findings) or UNREADABLE
    decide, record, link, expect = ((*path, key) for key in ("decide", "record", "link", "expect"))
    return StoryMoment(
        index + 1,
        at,
        shape.decide or {},
        decide,
        shape.record,
        record,
        [shape.link] if isinstance(shape.link, str) else shape.link or (),
        link,
        shape.as_,
        shape.expect,
        expect,
    )


def _check_act(shape: StepShape, path: Path, findings: Findings) -> None:
    """A step does one thing, and only an answer can be as expected."""
    acts = [key for key in ("decide", "record", "link") if getattr(shape, key) is not None]
    if not acts:
        if path not in findings.recovered:
            hint = "write `decide: {}` to ask, `record: [{type: page_view}]`, or `link: other-name`"
            findings.key_error(path, Code.MISSING, "the step does nothing", hint)
        return
    for key in acts[1:]:
        findings.key_error((*path, key), Code.DUPLICATE, f"`{key}` beside `{acts[0]}`: write two steps")
    if acts[0] != "decide" and shape.expect is not None:
        text = f"{_DOING[acts[0]]} has no answer to expect anything of"
        findings.key_error((*path, "expect"), Code.NO_EFFECT, text)
