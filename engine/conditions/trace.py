"""Traces: a condition's evaluation, with the text, the verdict and the value of every part."""

from dataclasses import dataclass, field

from engine.conditions.evaluate import Verdict, verdict_of
from engine.conditions.model import (
    ITEM,
    SPANS,
    All,
    Any_,
    AttributeOperand,
    Audience,
    Collation,
    Condition,
    None_,
    Now,
    Operand,
    Operator,
    Test,
)
from engine.model.instant import DAY
from engine.model.texts import TimeAttributes, span_text, value_text
from engine.model.values import Attributes, Moment, Value

_NO_TIMES = TimeAttributes()


@dataclass(frozen=True, slots=True)
class Trace:
    """Evaluation of one node of a condition."""

    text: str
    verdict: Verdict
    """Unknown only on a test; in the nodes above it, unknown counts as false."""
    value: Value | None = None
    """The attribute's value at a test, a time as its text; None if it was missing, and on all other nodes."""
    parts: tuple["Trace", ...] = ()
    test: Test | None = field(default=None, repr=False)
    """The test itself; None on all other nodes."""


def trace(
    condition: Condition, attributes: Attributes, moment: Moment, times: TimeAttributes = _NO_TIMES
) -> Trace:
    """Trace every part of the condition, including those that could no longer change the result.

    times: the attributes whose values and operands are shown as times.
    """
    match condition:
        case Test():
            verdict = verdict_of(condition, attributes, moment)
            value = attributes.get(condition.attribute)
            shown = None if value is None else times.shown(condition.attribute, value)
            return Trace(_text_at(condition, attributes, times), verdict, shown, test=condition)
        case Audience(condition=inner):
            return _node(condition, (trace(inner, attributes, moment, times),))
        case All(parts=parts) | Any_(parts=parts) | None_(parts=parts):
            return _node(condition, tuple(trace(part, attributes, moment, times) for part in parts))


def text_of(condition: Condition, times: TimeAttributes = _NO_TIMES) -> str:
    """Text of a node: `profile.age gte 18`, `profile.seen within 36h`, `audience cold-north`, `all`, `always`."""
    match condition:
        case Test():
            return condition.written or _test_text(condition, times)
        case Audience(name=name):
            return f"audience {name}"
        case All():
            return "all" if condition.parts else "always"
        case Any_():
            return "any"
        case None_():
            return "none"


def phrase_of(condition: Condition, times: TimeAttributes = _NO_TIMES) -> str:
    """Text of the whole condition in one line: `profile.tier eq gold and (location.country eq CN or audience cold-north)`."""
    match condition:
        case All(parts=parts) if parts:
            return " and ".join(_part_text(part, times) for part in parts)
        case Any_(parts=parts):
            return " or ".join(_part_text(part, times) for part in parts)
        case None_(parts=parts):
            return f"none of ({', '.join(phrase_of(part, times) for part in parts)})"
    return text_of(condition, times)


def _part_text(condition: Condition, times: TimeAttributes) -> str:
    """In brackets where it is a group of several."""
    text = phrase_of(condition, times)
    return f"({text})" if isinstance(condition, All | Any_) and len(condition.parts) > 1 else text


def _text_at(test: Test, attributes: Attributes, times: TimeAttributes) -> str:
    """Text of a test, with the value of the attribute that it compares with: `profile.used gt profile.limit (5)`."""
    text = text_of(test, times)
    if not isinstance(test.operand, AttributeOperand):
        return text
    name = test.operand.attribute
    value = attributes.get(name)
    return f"{text} ({'missing' if value is None else value_text(times.shown(name, value))})"


def _test_text(test: Test, times: TimeAttributes) -> str:
    return f"{test.attribute} {test.operator} {_compared_text(test, times)}"


def _compared_text(test: Test, times: TimeAttributes) -> str:
    operand = test.operand
    if isinstance(operand, int) and test.operator in SPANS:
        return span_text(operand)
    if isinstance(operand, int) and test.operator is Operator.ANNIVERSARY:
        return "today" if operand == DAY else f"within {span_text(operand)}"
    if test.inner:
        return _inner_text(test.inner)
    text = _operand_text(operand, test.attribute, times)
    return f"{text}{IGNORING_CASE}" if test.collation is Collation.CASELESS else text


IGNORING_CASE = ", ignoring case"
"""After the text of a test."""


def _inner_text(inner: tuple[Test, ...]) -> str:
    """The tests on an item or a size without its name: `gt 10 and lt 20`."""
    return " and ".join(text_of(test).removeprefix(f"{ITEM} ") for test in inner)


def _operand_text(operand: Operand, attribute: str, times: TimeAttributes) -> str:
    if isinstance(operand, tuple):
        return f"[{', '.join(_operand_text(scalar, attribute, times) for scalar in operand)}]"
    if isinstance(operand, AttributeOperand):
        return operand.attribute
    if isinstance(operand, Now):
        return operand.value
    return value_text(times.shown(attribute, operand))


def _node(condition: All | Any_ | None_ | Audience, parts: tuple[Trace, ...]) -> Trace:
    truths = [part.verdict is Verdict.TRUE for part in parts]
    match condition:
        case All() | Audience():
            truth = all(truths)
        case Any_():
            truth = any(truths)
        case None_():
            truth = not any(truths)
    return Trace(text_of(condition), Verdict.TRUE if truth else Verdict.FALSE, None, parts)
