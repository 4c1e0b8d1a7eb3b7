"""The moments of a test: one for a plain test, one a step for a story."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from engine.instant import Instant
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.scenario.moments import moment
from engine.scenario.shapes import StepShape, TestShape

_DOING = {"record": "recording", "link": "linking"}

UNREADABLE: Instant = 0
"""Stands in for a moment that is wrong, so that the rest of the test is checked."""


@dataclass(frozen=True, slots=True)
class Moment:
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


def moments(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> list[Moment]:
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


def _plain(shape: TestShape, path: Path, zone: ZoneInfo, findings: Findings) -> Iterator[Moment]:
    if shape.now is None and (*path, "now") not in findings.spoiled:
        hint = "for example now: 2026-03-10T10:00+08:00, or a `story` of steps"
        findings.key_error(path, Code.MISSING, "`now` is missing", hint)
    if shape.expect is None and (*path, "expect") not in findings.spoiled:
        findings.key_error(path, Code.MISSING, "`expect` is missing", "for example expect: {outcome: offer}")
    at = None if shape.now is None else moment(shape.now, zone, (*path, "now"), findings)
    yield Moment(0, at or UNREADABLE, {}, path, None, path, (), path, None, shape.expect, (*path, "expect"))


def _step(data: Any, index: int, path: Path, zone: ZoneInfo, findings: Findings) -> Moment | None:
    shape = shaped(StepShape, data, path, findings)
    if shape is None:
        return None
    _check_act(shape, path, findings)
    at = moment(shape.at, zone, (*path, "at"), findings) or UNREADABLE
    decide, record, link, expect = ((*path, key) for key in ("decide", "record", "link", "expect"))
    return Moment(
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
        if path not in findings.salvaged:
            hint = "write `decide: {}` to ask, `record: [{type: page_view}]`, or `link: other-name`"
            findings.key_error(path, Code.MISSING, "the step does nothing", hint)
        return
    for key in acts[1:]:
        findings.key_error((*path, key), Code.DUPLICATE, f"`{key}` beside `{acts[0]}`: write two steps")
    if acts[0] != "decide" and shape.expect is not None:
        text = f"{_DOING[acts[0]]} has no answer to expect anything of"
        findings.key_error((*path, "expect"), Code.NO_EFFECT, text)
