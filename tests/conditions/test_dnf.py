"""The disjunctive normal form against engine.conditions.evaluate, and its limits."""

from hypothesis import given, settings

from engine.conditions import dnf, evaluate
from engine.conditions.evaluate import holds
from engine.conditions.model import ALWAYS, All, Any_, Condition, None_, Operator, Test
from engine.model.values import Attributes
from tests.conditions.strategies import MOMENT, conditions, contexts


def eq(number: int) -> Test:
    """One of many distinct tests."""
    return Test(f"x{number}", Operator.EQ, 1)


@settings(max_examples=300, deadline=None)
@given(conditions, contexts)
def test_clauses_mean_the_condition(condition: Condition, attributes: Attributes) -> None:
    """A condition holds exactly if all literals of one of its clauses do."""
    clauses = dnf.clauses_of(condition)
    if clauses is not None:
        truth = any(
            all(
                evaluate.test_holds(literal.test, attributes, MOMENT) is literal.positive
                for literal in clause
            )
            for clause in clauses
        )
        assert truth is holds(condition, attributes, MOMENT)


def test_always_and_never() -> None:
    """A condition that always holds is one empty clause; one that never holds has no clause."""
    assert dnf.clauses_of(ALWAYS) == (frozenset(),)
    assert dnf.clauses_of(Any_(())) == ()
    assert dnf.clauses_of(All((eq(1), None_((eq(1),))))) == ()


def test_what_another_clause_implies_is_left_out() -> None:
    """x or (x and y) is x."""
    assert dnf.clauses_of(Any_((eq(1), All((eq(1), eq(2)))))) == dnf.clauses_of(eq(1))


def test_true_is_not_one() -> None:
    """Tests that are equal in Python are kept apart."""
    assert len(dnf.clauses_of(Any_((eq(1), Test("x1", Operator.EQ, True)))) or ()) == 2


def test_limit_is_kept_before_memory_is_spent() -> None:
    """A form of 2^1000 clauses is given up at once; one at the limit is not."""
    pairs = [Any_((eq(2 * number), eq(2 * number + 1))) for number in range(1000)]
    assert dnf.clauses_of(All(tuple(pairs))) is None
    assert len(dnf.clauses_of(All(tuple(pairs[:6]))) or ()) == 64
    assert dnf.clauses_of(All(tuple(pairs[:7]))) is None


def test_depth_is_limited() -> None:
    """A condition nested deeper than the limit is given up without a RecursionError."""
    condition: Condition = eq(1)
    for _ in range(dnf.DEPTH_LIMIT * 100):
        condition = All((condition,))
    assert dnf.clauses_of(condition) is None
