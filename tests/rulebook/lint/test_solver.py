"""The solver against engine.conditions.evaluate: what it says is so, and where tests are decidable it says something."""

from datetime import date
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.conditions.dnf import clauses_of
from engine.conditions.evaluate import holds
from engine.conditions.model import (
    NOW,
    All,
    Any_,
    AttributeOperand,
    Collation,
    Condition,
    None_,
    Operator,
    Test,
)
from engine.model.instant import DAY
from engine.model.values import Moment, Value
from engine.rulebook.lint.domains import Domain, domain_of_field
from engine.rulebook.lint.solver import UNDECIDED, Solver
from engine.rulebook.model.book import AttributeType
from tests.rulebook.lint.strategies import DOMAINS, conditions, contexts, moments

SOLVER = Solver(DOMAINS.__getitem__)
_DAY_AND_TIME = 2


def mixed(clause_tests: list[Test]) -> int:
    """How many attributes the tests compare both with the moment and with constants."""
    moving = {test.attribute for test in clause_tests if test.moves}
    constant = {
        test.attribute for test in clause_tests if not test.moves and test.operator is not Operator.EXISTS
    }
    return len(moving & constant)


@pytest.mark.parametrize("name", [*DOMAINS, ""])
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_never_holds_is_false_everywhere(name: str, data: st.DataObject) -> None:
    """A condition that is called never-true holds for no context, and one called always-true for each.

    On one attribute, so that most conditions are nearly contradictions; and on all of them.
    """
    condition = data.draw(conditions((name,) if name else tuple(DOMAINS)))
    cases = data.draw(st.lists(st.tuples(contexts(), moments), min_size=4, max_size=8))
    if SOLVER.never(condition):
        assert not any(holds(condition, attributes, moment) for attributes, moment in cases)
    if SOLVER.always(condition):
        assert all(holds(condition, attributes, moment) for attributes, moment in cases)


@settings(max_examples=200, deadline=None)
@given(conditions())
def test_a_solution_is_accepted_by_the_reference(condition: Condition) -> None:
    """The condition holds for the attributes of its solution, whose values are of their domains."""
    solution = SOLVER.solve(condition)
    assume(solution.attributes is not None)
    assert solution.attributes is not None
    assert holds(condition, solution.attributes, solution.moment)
    for name, domain in DOMAINS.items():
        value = solution.attributes.get(name)
        if value is None:
            assert domain.may_be_missing or name not in solution.attributes
        elif domain.one_of is not None:
            assert value in domain.one_of
        elif isinstance(value, int | float):
            assert domain.minimum is None or value >= domain.minimum
            assert domain.maximum is None or value <= domain.maximum


def _is_open(test: Test) -> bool:
    """Whether values that no book names may pass it, such as other items of a list."""
    is_list = isinstance(test.operand, tuple) and test.operator in (Operator.EQ, Operator.NE)
    return bool(test.inner) or is_list or test.collation is Collation.CASELESS


@settings(max_examples=200, deadline=None)
@given(conditions(matches=False, others=False))
def test_decidable_conditions_are_decided(condition: Condition) -> None:
    """Without regular expressions, anniversaries and other attributes, what is not called never-true has a solution.

    Not with tests of items or in any case, which values beside those that a book names may pass, nor with too many
    alternatives, nor with several attributes that are compared both with the moment and with constants.
    """
    clauses = clauses_of(condition)
    assume(clauses is not None)
    assume(all(mixed([literal.test for literal in clause]) < _DAY_AND_TIME for clause in clauses or ()))
    assume(not any(_is_open(literal.test) for clause in clauses or () for literal in clause))
    assert SOLVER.solve(condition) != UNDECIDED


_SMALL: dict[str, list[Value | None]] = {
    "whole": [None, 0, 1, 2, 3, 4],
    "tier": [None, "x", "xy", "z"],
    "yes": [None, True, False],
    "holds": [None, True],
}


@settings(max_examples=150, deadline=None)
@given(conditions(("tier", "whole", "yes", "holds"), others=False))
def test_finite_domains_agree_with_trying_everything(condition: Condition) -> None:
    """On attributes with few values, never-true and always-true are what all combinations of values say."""
    names = sorted({test.attribute for clause in clauses_of(condition) or () for test in _tests(clause)})
    outcomes = set()
    for values in product(*(_SMALL[name] for name in names)):
        attributes = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        outcomes.add(holds(condition, attributes, Moment(0, date(2024, 10, 4))))
    assert SOLVER.never(condition) is (outcomes == {False})
    assert SOLVER.always(condition) is (outcomes == {True})


def _tests(clause: frozenset[object]) -> list[Test]:
    return [literal.test for literal in clause]  # type: ignore[attr-defined]


def test(name: str, operator: str, operand: object) -> Test:
    """A test, in short."""
    return Test(name, Operator(operator), operand)  # type: ignore[arg-type]


test.__test__ = False  # type: ignore[attr-defined]

NEVER = [
    All((test("whole", "gt", 3), test("whole", "lte", 2))),
    test("whole", "gt", 4),
    All((test("whole", "gt", 1), test("whole", "lt", 2))),
    All((test("number", "gt", 1), test("number", "lt", 1.0000000000000002))),
    All((test("word", "starts_with", "x"), test("word", "starts_with", "y"))),
    All((test("word", "ends_with", "ab"), test("word", "ends_with", "b"), test("word", "eq", "b"))),
    All((test("word", "contains", "xyz"), None_((test("word", "contains", "y"),)))),
    All((test("word", "matches", "x"), test("word", "exists", False))),
    All((test("tier", "ne", "x"), test("tier", "not_in", ("xy", "z")))),
    test("tier", "matches", "q"),
    All((test("holds", "exists", True), None_((test("holds", "eq", True),)))),
    All((test("day", "gt", date(2024, 10, 3)), test("day", "lt", date(2024, 10, 4)))),
    All((test("seen", "within", DAY), None_((test("seen", "within", 2 * DAY),)))),
    All((test("seen", "in_next", DAY), test("seen", "more_than_ago", DAY))),
    All((test("seen", "before", NOW), test("seen", "in_next", DAY))),
    All((test("day", "less_than_ago", DAY), test("day", "ne", NOW))),
    All((test("day", "more_than_ago", DAY), test("day", "gte", NOW))),
    All((test("day", "gt", AttributeOperand("late")), None_((test("day", "gt", AttributeOperand("late")),)))),
    All((test("whole", "gt", AttributeOperand("free")), test("whole", "gt", 4))),
    All((test("tags", "has_all", ("x", "y")), None_((test("tags", "has", "x"),)))),
    All((test("tags", "has_any", ("x", "y")), None_((test("tags", "has_any", ("x", "y", "z")),)))),
    test("hour", "exists", False),
    Any_((test("whole", "lt", 0), test("hour", "gt", 4))),
]


@pytest.mark.parametrize("condition", NEVER, ids=str)
def test_contradictions(condition: Condition) -> None:
    """Contradictions of each type are recognised, and their negations as always true."""
    assert SOLVER.never(condition)
    assert SOLVER.always(None_((condition,)))


POSSIBLE = [
    All((test("number", "gt", 1), test("number", "lt", 1.0000000000000004))),
    All((test("word", "starts_with", "xy"), test("word", "ends_with", "yx"), test("word", "ne", "xyx"))),
    All((test("word", "starts_with", "x"), None_((test("word", "starts_with", "xy"),)))),
    test("word", "ne", ""),
    All((test("word", "starts_with", "x"), test("word", "ne", "x"))),
    All(
        (
            test("word", "contains", "x"),
            test("word", "contains", "y"),
            None_((test("word", "contains", "xy"),)),
        )
    ),
    All((test("free", "gt", 1), test("free", "lt", 4), test("free", "not_in", (2,)))),
    All((test("seen", "within", 2 * DAY), None_((test("seen", "within", DAY),)))),
    None_((test("whole", "gte", 0),)),
    All((test("seen", "within", DAY), test("seen", "before", 0))),
    All((test("day", "within", DAY), test("seen", "within", DAY), test("seen", "gt", 5))),
    All((test("seen", "more_than_ago", DAY), test("seen", "within", DAY + 2))),
    All((test("day", "more_than_ago", DAY), test("day", "within", 3 * DAY))),
    All((test("day", "after", NOW), test("day", "before", date(2024, 1, 1)))),
    All((test("tags", "has_any", ("x", "y")), None_((test("tags", "has", "x"),)))),
]


@pytest.mark.parametrize("condition", POSSIBLE, ids=str)
def test_what_is_possible(condition: Condition) -> None:
    """Conditions that barely hold have a solution: a missing attribute, one float, one letter."""
    solution = SOLVER.solve(condition)
    assert solution.attributes is not None
    assert holds(condition, solution.attributes, solution.moment)


SILENT = [
    All((test("word", "matches", "^a"), test("word", "matches", "^b"))),
    All(
        (
            test("seen", "within", DAY),
            test("seen", "lt", 5),
            test("late", "within", DAY),
            test("late", "gt", 9 * DAY),
        )
    ),
    All((test("day", "anniversary", DAY), test("day", "eq", NOW))),
    All((test("whole", "gt", AttributeOperand("free")), test("free", "gt", AttributeOperand("whole")))),
    All(tuple(Any_((test("whole", "eq", 2 * n), test("free", "eq", n))) for n in range(9))),
]


@pytest.mark.parametrize("condition", SILENT, ids=["matches", "moments", "anniversary", "others", "size"])
def test_nothing_is_said_of_what_is_not_decided(condition: Condition) -> None:
    """Of these nothing is said: they are neither never true nor possible."""
    solver = Solver({**DOMAINS, "late": Domain((AttributeType.TIME,))}.__getitem__)
    assert solver.solve(condition) == UNDECIDED
    assert not solver.never(condition)
    assert not solver.possible(condition)


def test_fields_of_events() -> None:
    """A field of the book's own takes values of any type; `value` is a number."""
    solver = Solver(domain_of_field)
    assert solver.never(All((test("size", "eq", "m"), test("size", "gt", 3))))
    assert solver.possible(All((test("size", "ne", "m"), test("size", "gt", 3))))
    assert solver.never(All((test("value", "gt", 3), test("value", "lt", 3))))
