"""Compares decisions with what scenarios expect of them."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.decide.compiled import CompiledBook
from engine.explain import Explained
from engine.model.decision import Decision
from engine.model.request import Request
from engine.model.texts import number_text
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Diagnostic
from engine.scenario.contexts import shown
from engine.scenario.model import Difference, Expected, Result, StoryStep
from engine.scenario.why import assignment_hints, why

AnswerValue: TypeAlias = str | float | tuple[str, ...] | None
"""The value that a decision has under a key; None: no value."""


_SETS = ("by", "reasons", "signals")
"""Keys whose expected values must be among those of the decision, which may have more."""


_OF_EACH_OFFER = ("campaign", "offer", "variant", "channel")
"""Below `not` these apply to every offer; elsewhere to the first."""


def differences(
    compiled: CompiledBook, step: StoryStep, request: Request, decision: Decision, explained: Explained
) -> list[Difference]:
    """The expectations of the step that the decision does not meet.

    request: with the attributes that the book derives. explained: the explanation of the same request, taken before the
    decision was committed.
    """
    unmet = [
        (expectation, _difference(expectation, step, observed, explained, request, compiled))
        for expectation in step.expected
        if _holds(expectation, observed := _observed(expectation, decision)) is expectation.negated
    ]
    if not unmet:
        return []
    expectations, differing = zip(*unmet, strict=True)
    hints = assignment_hints(expectations, request, compiled, explained)
    return [replace(differing[0], why=(*differing[0].why, *hints)), *differing[1:]]


def _difference(
    expectation: Expected,
    step: StoryStep,
    observed: AnswerValue,
    explained: Explained,
    request: Request,
    compiled: CompiledBook,
) -> Difference:
    zone, decision = compiled.book.timezone, explained.decision
    got = _text(expectation.key, observed, zone)
    if not decision.offers and (
        expectation.key in (*_OF_EACH_OFFER, "campaigns", "score", "placement") or "." in expectation.key
    ):
        got = f"no offer, the outcome is {decision.outcome}"
    expected = _text(expectation.key, expectation.wanted, zone)
    return Difference(
        step=step.number,
        key=expectation.label,
        source=expectation.source,
        expected=f"not {expected}" if expectation.negated else expected,
        got=got,
        why=why(expectation, request, compiled, explained),
    )


def _observed(expectation: Expected, decision: Decision) -> AnswerValue:  # noqa: PLR0911 -- a return for each key
    """The decision's value under the expectation's key."""
    key, offers = expectation.key, decision.offers
    if expectation.negated and key in _OF_EACH_OFFER:
        return tuple(str(getattr(offer, key)) for offer in offers)
    match key.partition("."):
        case ("outcome", _, _):
            return str(decision.outcome)
        case ("next_allowed_at", _, _):
            return decision.next_allowed_at
        case ("next_any_at", _, _):
            return decision.next_any_at
        case ("by", _, _):
            return decision.blocked_by
        case ("reasons", _, _):
            return tuple(f"{reason.code} {reason.name}".strip() for reason in decision.reasons)
        case ("signals", _, _):
            return tuple(signal.name for signal in decision.signals)
        case ("campaigns", _, _):
            return tuple(offer.campaign for offer in offers)
        case ("content", _, field) if offers:
            return offers[0].content.get(field)
    return getattr(offers[0], key) if offers else None


def _holds(expectation: Expected, observed: AnswerValue) -> bool:
    """Whether the value is as expected, `not` disregarded."""
    wanted = expectation.wanted
    if expectation.key in _SETS or (expectation.negated and isinstance(observed, tuple)):
        names = wanted if isinstance(wanted, tuple) else (str(wanted),)
        values = observed if isinstance(observed, tuple) else ()
        present = [any(_names(name, value, expectation.key) for value in values) for name in names]
        return any(present) if expectation.negated else all(present)
    if isinstance(observed, float) and isinstance(wanted, int | float):
        return math.isclose(observed, wanted, rel_tol=1e-9)
    return observed == wanted


def _names(wanted: str, observed: str, key: str) -> bool:
    """Whether a name is the expected one; a reason may be expected by its code alone."""
    return wanted == observed or (key == "reasons" and wanted == observed.partition(" ")[0])


def _text(key: str, value: AnswerValue, zone: ZoneInfo) -> str:
    """The value on one line, without control characters that a terminal would act on."""
    match value:
        case None | "" | ():
            return "none"
        case tuple():
            return ", ".join(name or "none" for name in value)
        case int() if key in ("next_allowed_at", "next_any_at"):
            return shown(value, zone)
        case int() | float():
            return number_text(value)
    text = json.dumps(value, ensure_ascii=False) if key.startswith("content.") else value
    return "".join(character if character.isprintable() else "�" for character in text)


def document(
    book: Book | None, results: Sequence[Result], diagnostics: Sequence[Diagnostic] = ()
) -> dict[str, object]:
    """The document of `tact test --json`; `book` is null if the book does not load, and `diagnostics` say why."""
    failed = sum(not result.ok for result in results)
    return {
        "book": None if book is None else book.name,
        "version": None if book is None else book.version,
        "passed": len(results) - failed,
        "failed": failed,
        "tests": [_test(result) for result in results],
        "diagnostics": [asdict(diagnostic) for diagnostic in diagnostics],
    }


def _test(result: Result) -> dict[str, object]:
    file, line, _ = result.scenario.source
    return {
        "name": result.scenario.name,
        "file": file,
        "line": line,
        "ok": result.ok,
        "differences": [_difference_document(difference) for difference in result.differences],
    }


def _difference_document(difference: Difference) -> dict[str, object]:
    file, line, column = difference.source
    return {
        "step": difference.step or None,
        "key": difference.key,
        "file": file,
        "line": line,
        "column": column,
        "expected": difference.expected,
        "got": difference.got,
        "why": list(difference.why),
    }
