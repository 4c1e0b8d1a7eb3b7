"""Random conditions and contexts, from few values so that tests hold often, of all kinds so that kinds differ."""

from datetime import date

from hypothesis import strategies as st

from engine.conditions.model import (
    ITEM,
    OF_ITEMS,
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

_VERSIONS = ["1", "1.2", "1.2.0", "1.10.0", "1.2.0-rc.1", "1.2.0-rc", "1.2.0+b", "x.2"]
_ADDRESSES = ["10.0.0.1", "10.1.0.1", "::ffff:10.0.0.1", "2001:db8::1", "10.0.0"]
_CAPITALS = ["X", "xY", "É", "ß", "SS", "E\u0301", "İ"]
_NETWORKS = ["10.0.0.0/8", "10.0.0.1", "10.0.0.1/8", "::ffff:10.0.0.0/104", "2001:db8::/32", "::/0", "x"]

texts = st.sampled_from([*_TEXTS, *_CAPITALS])
scalars: st.SearchStrategy[Scalar] = st.sampled_from(
    [
        *_TEXTS,
        *_VERSIONS,
        *_ADDRESSES,
        *_CAPITALS,
        *_NUMBERS,
        *_EXTREMES,
        *_DATES,
        *_BIRTHDAYS,
        *_TIMES,
        True,
        False,
    ]
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
    Operator.EQ: scalars | lists,
    Operator.NE: scalars | lists,
    Operator.IN_NETWORK: st.lists(st.sampled_from(_NETWORKS), max_size=3).map(tuple),
}
collations = st.sampled_from([Collation.EXACT, *Collation])
_COMPARED = (Operator.EQ, Operator.NE, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.BEFORE)


def _tests(names: st.SearchStrategy[str], operators: st.SearchStrategy[Operator]) -> st.SearchStrategy[Test]:
    return operators.flatmap(
        lambda operator: st.builds(
            Test, names, st.just(operator), _OPERANDS.get(operator, scalars), collation=collations
        )
    )


_of_items = st.lists(_tests(st.sampled_from([ITEM, ITEM, ITEM, "a"]), st.sampled_from(Operator)), max_size=2)
_bounds = st.builds(Test, st.just(ITEM), st.sampled_from(Operator), st.sampled_from([0, 1, 2, 2.5]))
_on_lists = st.builds(
    Test,
    st.sampled_from(NAMES),
    st.sampled_from(sorted(OF_ITEMS)),
    st.just(()),
    collation=collations,
    inner=_of_items.map(tuple) | st.lists(_bounds, max_size=2).map(tuple),
)

tests: st.SearchStrategy[Condition] = st.one_of(
    *[_tests(st.sampled_from(NAMES), st.sampled_from(Operator))] * 4, _on_lists
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


TREND = ("trend count of e by f of a within 2h against 7d", "trend ratio of e by f of a within 2h against 7d")
"""The attributes of a trend, of which either both are known or neither is."""

_trends: st.SearchStrategy[Condition] = st.builds(
    lambda least, ratio: All((Test(TREND[0], Operator.GTE, least), Test(TREND[1], Operator.GTE, ratio))),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([1.5, 2, 3]),
)
_readings: st.SearchStrategy[Attributes] = st.one_of(
    st.just({}),
    st.builds(
        lambda number, usual: {TREND[0]: number, TREND[1]: number / max(1.0, usual)},
        st.sampled_from([0, 1, 2, 5, 6]),
        st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5]),
    ),
)

conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(*[tests] * 6, *[_deferred_tests, _wrong_operands] * 2, _trends), _groups, max_leaves=12
)

_values: st.SearchStrategy[Value] = st.one_of(scalars, scalars, lists)
contexts: st.SearchStrategy[Attributes] = st.builds(
    lambda values, readings: {**values, **readings},
    st.dictionaries(st.sampled_from(NAMES), _values),
    _readings,
)
