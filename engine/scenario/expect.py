"""An answer beside what was expected of it."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeAlias
from zoneinfo import ZoneInfo

from engine.decide.compiled import CompiledBook
from engine.explain import Explained
from engine.model.decision import Decision
from engine.model.request import Request
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Diagnostic
from engine.scenario.contexts import shown
from engine.scenario.model import Difference, Expected, Result, StoryStep
from engine.scenario.why import why

Seen: TypeAlias = str | float | tuple[str, ...] | None
"""What an answer has under a key; None: nothing."""


_SETS = ("by", "reasons", "signals")
"""What is expected must be among what there is."""


_OF_EACH_OFFER = ("campaign", "offer", "variant", "channel")
"""Below `not` these must hold of no offer; else they are about the first."""


def differences(
    compiled: CompiledBook, step: StoryStep, request: Request, decision: Decision, explained: Explained
) -> list[Difference]:
    """The expectations of the step that the decision does not meet.

    request: with what the book derived from it. explained: asked before the decision was kept.
    """
    return [
        _difference(one, step, _seen(one, decision), explained, request, compiled)
        for one in step.expected
        if _holds(one, _seen(one, decision)) is one.negated
    ]


def _difference(
    one: Expected, step: StoryStep, seen: Seen, explained: Explained, request: Request, compiled: CompiledBook
) -> Difference:
    zone, decision = compiled.book.timezone, explained.decision
    got = _text(one.key, seen, zone)
    if not decision.offers and (
        one.key in (*_OF_EACH_OFFER, "campaigns", "score", "placement") or "." in one.key
    ):
        got = f"no offer, the outcome is {decision.outcome}"
    wanted = _text(one.key, one.wanted, zone)
    return Difference(
        step=step.number,
        key=one.label,
        place=one.place,
        expected=f"not {wanted}" if one.negated else wanted,
        got=got,
        why=why(one, request, compiled, explained),
    )


def _seen(one: Expected, decision: Decision) -> Seen:  # noqa: PLR0911 -- one for each key
    """What the answer has under the expectation's key."""
    key, offers = one.key, decision.offers
    if one.negated and key in _OF_EACH_OFFER:
        return tuple(str(getattr(offer, key)) for offer in offers)
    match key.partition("."):
        case ("outcome", _, _):
            return str(decision.outcome)
        case ("next_allowed_at", _, _):
            return decision.next_allowed_at
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


def _holds(one: Expected, seen: Seen) -> bool:
    """Whether the answer is as the expectation says, `not` left aside."""
    wanted = one.wanted
    if one.key in _SETS or (one.negated and isinstance(seen, tuple)):
        names = wanted if isinstance(wanted, tuple) else (str(wanted),)
        given = seen if isinstance(seen, tuple) else ()
        found = [any(_names(name, each, one.key) for each in given) for name in names]
        return any(found) if one.negated else all(found)
    if isinstance(seen, float) and isinstance(wanted, int | float):
        return math.isclose(seen, wanted, rel_tol=1e-9)
    return seen == wanted


def _names(wanted: str, given: str, key: str) -> bool:
    """A reason is named by its code alone, too."""
    return wanted == given or (key == "reasons" and wanted == given.partition(" ")[0])


def _text(key: str, value: Seen, zone: ZoneInfo) -> str:
    """The value on one line, with nothing in it that a terminal would act on."""
    match value:
        case None | "" | ():
            return "none"
        case tuple():
            return ", ".join(name or "none" for name in value)
        case int() if key == "next_allowed_at":
            return shown(value, zone)
        case int() | float():
            return f"{value:.12g}"
    text = json.dumps(value, ensure_ascii=False) if key.startswith("content.") else value
    return "".join(each if each.isprintable() else "�" for each in text)


def document(
    book: Book | None, results: Sequence[Result], diagnostics: Sequence[Diagnostic] = ()
) -> dict[str, object]:
    """What `tact test --json` prints; a book that does not load is null, with diagnostics that say why."""
    failed = sum(not one.ok for one in results)
    return {
        "book": None if book is None else book.name,
        "version": None if book is None else book.version,
        "passed": len(results) - failed,
        "failed": failed,
        "tests": [_test(one) for one in results],
        "diagnostics": [asdict(each) for each in diagnostics],
    }


def _test(one: Result) -> dict[str, object]:
    file, line, _ = one.scenario.place
    return {
        "name": one.scenario.name,
        "file": file,
        "line": line,
        "ok": one.ok,
        "differences": [_difference_document(each) for each in one.differences],
    }


def _difference_document(one: Difference) -> dict[str, object]:
    file, line, column = one.place
    return {
        "step": one.step or None,
        "key": one.key,
        "file": file,
        "line": line,
        "column": column,
        "expected": one.expected,
        "got": one.got,
        "why": list(one.why),
    }
