"""Traces: a condition's evaluation, with the text, the verdict and the value of every part."""

from dataclasses import dataclass

from engine.conditions.evaluate import Verdict, verdict_of
from engine.conditions.model import All, Any_, Audience, Condition, None_, Operand, Test
from engine.model.values import Attributes, Moment, Value


@dataclass(frozen=True, slots=True)
class Trace:
    """Evaluation of one node of a condition."""

    text: str
    verdict: Verdict
    """Unknown only on a test; in the nodes above it, unknown counts as false."""
    value: Value | None = None
    """The attribute's value at a test; None if it was missing, and on all other nodes."""
    parts: tuple["Trace", ...] = ()


def trace(condition: Condition, attributes: Attributes, moment: Moment) -> Trace:
    """Trace every part of the condition, including those that could no longer change the result."""
    match condition:
        case Test():
            verdict = verdict_of(condition, attributes, moment)
            return Trace(text_of(condition), verdict, attributes.get(condition.attribute))
        case Audience(condition=inner):
            return _node(condition, (trace(inner, attributes, moment),))
        case All(parts=parts) | Any_(parts=parts) | None_(parts=parts):
            return _node(condition, tuple(trace(part, attributes, moment) for part in parts))


def text_of(condition: Condition) -> str:
    """Text of a node: `profile.age gte 18`, `audience cold-north`, `all`, `any`, `none`, `always`."""
    match condition:
        case Test(attribute=attribute, operator=operator, operand=operand):
            return f"{attribute} {operator} {_operand_text(operand)}"
        case Audience(name=name):
            return f"audience {name}"
        case All():
            return "all" if condition.parts else "always"
        case Any_():
            return "any"
        case None_():
            return "none"


def _operand_text(operand: Operand) -> str:
    if isinstance(operand, tuple):
        return f"[{', '.join(map(_operand_text, operand))}]"
    if isinstance(operand, bool):
        return "true" if operand else "false"
    return str(operand)


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
