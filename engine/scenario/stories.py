"""Reads the steps of a story, and the events and outcomes that they record; reports mistakes at their positions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from engine.api.v1.decisions_pb2 import Customer, RecordedEvent, RecordRequest
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
from engine.wire.messages.events import event_of
from engine.wire.parse import Parser
from engine.wire.record import parse_recordings
from engine.wire.violations import InvalidMessage

_OUTCOME_KEYS = ("of", "channel", "campaign", "order")
"""The keys that an outcome has besides those of an event."""


_OUTCOMES = frozenset(map(str, OutcomeType))


def decision_of(step: int) -> str:
    """A placeholder for the id of the decision that the step will make."""
    return f"step {step}"


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads the events and outcomes that steps record, against one live book."""

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
        """The commands that record the events; reports what is wrong with them.

        By default an event happens at `now`, and has its path in the file as its event_id. decided: the numbers of the
        earlier steps that decide.
        """
        commands: list[RecordCommand | ReportCommand] = []
        for index, values in enumerate(events):
            commands += self._commands(customer, values, now, (*path, index), decided)
        return tuple(commands)

    def _commands(
        self, customer: str, values: Mapping[str, Any], now: Instant, path: Path, decided: Sequence[int]
    ) -> Iterator[RecordCommand | ReportCommand]:
        outcome = {key: values[key] for key in _OUTCOME_KEYS if key in values}
        fields = {key: value for key, value in values.items() if key not in outcome}
        defaults = {"event_id": ".".join(map(str, path)), "at": shown(now, ZoneInfo("UTC"))}
        try:
            event = event_of("record", typed_event({**defaults, **fields}, "record", self.compiled.book))
            recorded = RecordedEvent(customer=Customer(id=customer), event=event)
            for key in ("channel", "campaign", "order"):
                setattr(recorded, key, outcome.get(key, ""))
        except (TypeError, ValueError, OverflowError) as error:
            self._report(*divided(str(error)), path)
            return
        if event.type in _OUTCOMES or "of" in outcome:
            recorded.decision_id = self._decision(outcome, (*path, "of"), decided)
        yield from self._parsed(recorded, now, path)

    def _decision(self, outcome: Mapping[str, Any], path: Path, decided: Sequence[int]) -> str:
        """The decision of an outcome: that of the step given by `of`, else the latest; none if a channel is given instead."""
        if "of" not in outcome:
            return decision_of(decided[-1]) if decided and "channel" not in outcome else ""
        step = outcome["of"]
        if step not in decided:
            steps = ", ".join(map(str, decided)) or "there is none"
            self.findings.error(path, Code.VALUE, "must be the number of an earlier step that decides", steps)
        return decision_of(step)

    def _parsed(
        self, recorded: RecordedEvent, now: Instant, path: Path
    ) -> Iterator[RecordCommand | ReportCommand]:
        for command in parse_recordings(Parser(self.compiled), RecordRequest(events=[recorded]), now):
            match command:
                case RecordCommand() | ReportCommand():
                    yield command
                case InvalidMessage(violations=violations):
                    for violation in violations:
                        self._report(violation.field.removeprefix("events[0]."), violation.description, path)
                case _:
                    self.findings.error(path, Code.VALUE, str(command))

    def _report(self, where: str, message: str, path: Path) -> None:
        self.findings.error(path, Code.VALUE, f"{where}: {message}" if where else message)


UNREADABLE: Instant = 0
"""A placeholder for an invalid time, so that the rest of the test is checked."""


@dataclass(frozen=True, slots=True)
class StoryMoment:
    """A step of a test as it is written, at its moment."""

    number: int
    """From 1; 0 in a test that is not a story."""
    at: Instant
    decide: dict[str, Any]
    """What differs from the test's customer."""
    decide_path: Path
    record: list[dict[str, Any]] | None
    """Events to record instead of deciding."""
    record_path: Path
    link: Sequence[str]
    """Names to link instead of deciding."""
    link_path: Path
    assigned: dict[str, Any]
    """Assignments that differ from the test's."""
    assigned_path: Path
    name: str | None
    """The name under which the customer acts, if it is not the id."""
    expect: dict[str, Any] | None
    expect_path: Path


def moments(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> list[StoryMoment]:
    """The test's moments that could be read; reports what is wrong with them."""
    if shape.story is None:
        return list(_plain(shape, path, zone, findings))
    for key in ("now", "expect"):
        if getattr(shape, key) is not None:
            text = f"`{key}` beside `story`: each step has its own"
            findings.key_error((*path, key), Code.DUPLICATE, text)
    steps = (_step(step, i, (*path, "story", i), zone, findings) for i, step in enumerate(shape.story))
    readable = [step for step in steps if step is not None]
    for before, after in pairwise(readable):
        if UNREADABLE < after.at < before.at:
            where = (*path, "story", after.number - 1, "at")
            findings.error(where, Code.VALUE, "a step earlier than the one before it")
    return readable


def _plain(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> Iterator[StoryMoment]:
    if shape.now is None and (*path, "now") not in findings.poisoned:
        hint = "for example now: 2026-03-10T10:00+08:00, or a `story` of steps"
        findings.key_error(path, Code.MISSING, "`now` is missing", hint)
    if shape.expect is None and (*path, "expect") not in findings.poisoned:
        findings.key_error(path, Code.MISSING, "`expect` is missing", "for example expect: {outcome: offer}")
    at = None if shape.now is None else moment(shape.now, zone, (*path, "now"), findings)
    yield StoryMoment(
        0, at or UNREADABLE, {}, path, None, path, (), path, {}, path, None, shape.expect, (*path, "expect")
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
        shape.assigned,
        (*path, "assigned"),
        shape.as_,
        shape.expect,
        expect,
    )


def _check_act(shape: StepShape, path: Path, findings: Findings) -> None:
    """Report a step that does nothing or several things, and an `expect` without a decision."""
    acts = [key for key in ("decide", "record", "link") if getattr(shape, key) is not None]
    if not acts:
        if path not in findings.recovered:
            hint = "write `decide: {}`, `record: [{type: page_view}]`, or `link: other-name`"
            findings.key_error(path, Code.MISSING, "the step does nothing", hint)
        return
    for key in acts[1:]:
        findings.key_error((*path, key), Code.DUPLICATE, f"`{key}` beside `{acts[0]}`: write two steps")
    if acts[0] != "decide" and shape.expect is not None:
        text = f"`expect` beside `{acts[0]}`: only a step that decides can expect anything"
        findings.key_error((*path, "expect"), Code.NO_EFFECT, text)
    if acts[0] != "decide" and shape.assigned:
        text = f"`assigned` beside `{acts[0]}`: only a step that decides looks at assignments"
        findings.key_error((*path, "assigned"), Code.NO_EFFECT, text)
