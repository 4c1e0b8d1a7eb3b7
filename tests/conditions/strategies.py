"""Random conditions and contexts, from few values so that tests hold often, of all kinds so that kinds differ."""

from datetime import date

from hypothesis import strategies as st

from engine.conditions.model import (
    All,
    Any_,
    AttributeOperand,
    Audience,
    Condition,
    None_,
    Now,
    Operand,
    Operator,
    Test,
)
from engine.model.instant import DAY
from engine.model.values import Attributes, Moment, Scalar, Value

NAMES = ("a", "b", "c")
NOW = 20_000 * DAY + 5
MOMENT = Moment(NOW, date(2024, 10, 4))

_TEXTS = ["", "x", "xy", "1", "true", "é"]
_NUMBERS: list[Scalar] = [0, -0.0, 1, 1.0, 2, 1.5, -1, 2**53, 2**53 + 1, float(2**53), 10**400]
_EXTREMES: list[Scalar] = [float("inf"), float("-inf"), float("nan")]
_DATES: list[Scalar] = [date(2024, 10, day) for day in (2, 3, 4, 5)]
_BIRTHDAYS: list[Scalar] = [date(2000, 10, 3), date(1999, 10, 4), date(2023, 10, 5), date(2000, 2, 29)]
_TIMES: list[Scalar] = [NOW - DAY - 1, NOW - DAY, NOW - DAY + 1, NOW, NOW + 1, NOW + DAY - 1, NOW + DAY]

texts = st.sampled_from(_TEXTS)
scalars: st.SearchStrategy[Scalar] = st.sampled_from(
    [*_TEXTS, *_NUMBERS, *_EXTREMES, *_DATES, *_BIRTHDAYS, *_TIMES, True, False]
)
spans = st.sampled_from([0, 1, DAY - 1, DAY, 2 * DAY])
deferred: st.SearchStrategy[Operand] = st.one_of(
    st.sampled_from(Now), st.builds(AttributeOperand, st.sampled_from(NAMES))
)
lists = st.lists(scalars, max_size=4).map(tuple)

_OPERANDS: dict[Operator, st.SearchStrategy[Operand]] = {
    Operator.BETWEEN: st.tuples(scalars, scalars),
    Operator.IN: lists,
    Operator.NOT_IN: lists,
    Operator.HAS_ANY: lists,
    Operator.HAS_ALL: lists,
    Operator.MATCHES: st.sampled_from(["^x", "x|1", "(", ""]),
    Operator.STARTS_WITH: texts,
    Operator.ENDS_WITH: texts,
    Operator.CONTAINS: texts,
    Operator.EXISTS: st.booleans(),
    Operator.WITHIN: spans,
    Operator.IN_NEXT: spans,
    Operator.MORE_THAN_AGO: spans,
    Operator.LESS_THAN_AGO: spans,
    Operator.ANNIVERSARY: spans,
}
_COMPARED = (Operator.EQ, Operator.NE, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.BEFORE)

tests: st.SearchStrategy[Condition] = st.sampled_from(Operator).flatmap(
    lambda operator: st.builds(
        Test, st.sampled_from(NAMES), st.just(operator), _OPERANDS.get(operator, scalars)
    )
)
_deferred_tests = st.builds(Test, st.sampled_from(NAMES), st.sampled_from(_COMPARED), deferred)
_wrong_operands = st.builds(
    Test, st.sampled_from(NAMES), st.sampled_from(Operator), st.one_of(scalars, lists, spans, deferred)
)


def _groups(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    parts = st.lists(inner, max_size=4).map(tuple)
    return st.one_of(
        st.builds(All, parts),
        st.builds(Any_, parts),
        st.builds(None_, parts),
        st.builds(Audience, st.just("named"), inner),
    )


conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(tests, tests, tests, _deferred_tests, _wrong_operands), _groups, max_leaves=12
)

_values: st.SearchStrategy[Value] = st.one_of(scalars, scalars, lists)
contexts: st.SearchStrategy[Attributes] = st.dictionaries(st.sampled_from(NAMES), _values)
