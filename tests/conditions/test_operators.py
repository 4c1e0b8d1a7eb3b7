"""Every operator on every type of attribute: where it is allowed, when it holds, and how a wrong value is refused."""

from pathlib import Path
from typing import Any

import pytest

from engine.conditions.evaluate import Verdict, holds
from engine.conditions.model import Operator
from engine.conditions.trace import trace
from engine.decide.compiled import compile_book
from engine.decide.evaluate import evaluate
from engine.rulebook.conditions.operands import OPERATORS
from engine.rulebook.model.book import AttributeType
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.text.nodes import compose
from engine.wire.violations import InvalidMessage
from tests.conditions.tables import compiled_book, errors_of, load_book, request_of


def matrix() -> dict[str, dict[str, Any]]:
    """By operator and type: an operand, a value for which the test holds, and one for which it does not."""
    document = compose(Path(__file__).with_name("operators.yaml").read_text(encoding="utf-8"))
    assert {problem.code for problem in document.problems} == {Code.EMPTY}  # a null is a missing value
    return document.data  # type: ignore[return-value]


NAMES = {
    "text": "name",
    "integer": "points",
    "number": "spend",
    "boolean": "member",
    "date": "joined",
    "time": "seen",
    "list of text": "interests",
    "list of integer": "sizes",
    "list of number": "weights",
    "version": "app_version",
    "ip": "ip",
}
PAIRS = [(operator, kind) for operator in Operator for kind in AttributeType]
FITTING = [(operator, kind, *entry) for operator, row in matrix().items() for kind, entry in row.items()]


@pytest.mark.parametrize(("operator", "kind"), PAIRS)
def test_which_operators_a_type_has(operator: Operator, kind: AttributeType) -> None:
    """The table names exactly the operators that the type has; any other is refused with the code `operator`."""
    fits = kind in matrix()[operator]
    assert fits is (operator in OPERATORS[kind])
    if not fits:
        operand = next(iter(matrix()[operator].values()))[0]
        loaded = load_book({}, {"row": {f"profile.{NAMES[kind]}": {operator.value: operand}}})
        assert errors_of(loaded) == {"operator"}


@pytest.mark.parametrize(("operator", "kind", "operand", "value", "other"), FITTING)
def test_every_operator_on_every_type(operator: str, kind: str, operand: Any, value: Any, other: Any) -> None:
    """It holds for the one value, not for the other, and neither it nor its negation's negation for a missing one."""
    name = NAMES[kind]
    test = {f"profile.{name}": {operator: operand}}
    loaded = load_book({}, {"plain": test, "negated": {"none": [test]}})
    assert loaded.book is not None, loaded.diagnostics
    compiled = compile_book(loaded.book)
    plain, negated = (compiled.book.campaigns[name].when for name in ("plain", "negated"))
    for given, expected in ((value, True), (other, False), (None, operand is False)):
        situation = {} if given is None else {name: given}
        evaluation = evaluate(compiled, request_of(compiled, {}, situation))
        attributes, moment = evaluation.request.attributes, evaluation.moment
        (position,) = compiled.index.match(attributes, moment)
        assert compiled.compiled_campaigns[position].campaign.name == ("plain" if expected else "negated")
        assert (holds(plain, attributes, moment), holds(negated, attributes, moment)) == (
            expected,
            not expected,
        )
        unknown = given is None and operator != "exists"
        verdict = Verdict.UNKNOWN if unknown else Verdict.TRUE if expected else Verdict.FALSE
        assert trace(plain, attributes, moment).verdict is verdict


@pytest.mark.parametrize("kind", AttributeType)
def test_a_wrong_value_is_refused(kind: AttributeType) -> None:
    """A value of another type than the declared one is refused by its name, whatever the operator."""
    values: dict[str, Any] = {
        "text": "9",
        "integer": 9,
        "number": 9.5,
        "boolean": True,
        "list of text": ["9"],
        "list of integer": [9],
        "list of number": [9.5],
    }
    accepted = {
        kind,
        *({"integer"} if kind == "number" else {"list of integer"} if kind == "list of number" else ()),
        *({"text"} if kind == "version" else ()),  # 9 is 9.0.0
    }
    compiled = compiled_book("shapes: a scalar, a list, operators")
    field = f"context.profile.attributes[{NAMES[kind]}]"
    for other, value in values.items():
        if other in accepted or (kind in ("date", "time") and other == "text"):
            continue
        with pytest.raises(InvalidMessage) as caught:
            request_of(compiled, {}, {NAMES[kind]: value})
        assert [violation.field for violation in caught.value.violations] == [field]
