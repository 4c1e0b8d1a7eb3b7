"""Typed attributes, conditions on them and values of them, from few constants so that tests touch each other."""

from collections.abc import Collection
from datetime import date

from hypothesis import strategies as st

from engine.conditions.model import (
    ITEM,
    NOW,
    OF_ITEMS,
    SPANS,
    All,
    Any_,
    AttributeOperand,
    Collation,
    Condition,
    None_,
    Operand,
    Operator,
    Test,
)
from engine.model.instant import DAY
from engine.model.values import Attributes, Moment, Scalar, Value
from engine.rulebook.conditions.operands import FOLDING, OPERATORS
from engine.rulebook.lint.domains import Domain
from engine.rulebook.model.book import AttributeType

_T, _O = AttributeType, Operator
DOMAINS: dict[str, Domain] = {
    "whole": Domain((_T.INTEGER,), 0, 4),
    "free": Domain((_T.INTEGER,)),
    "number": Domain((_T.NUMBER,), 0),
    "word": Domain((_T.TEXT,)),
    "tier": Domain((_T.TEXT,), one_of=frozenset(("x", "xy", "z"))),
    "yes": Domain((_T.BOOLEAN,)),
    "holds": Domain((_T.BOOLEAN,), one_of=frozenset((True,))),
    "day": Domain((_T.DATE,)),
    "seen": Domain((_T.TIME,)),
    "tags": Domain((_T.TEXTS,)),
    "app": Domain((_T.VERSION,)),
    "ip": Domain((_T.IP,)),
    "hour": Domain((_T.INTEGER,), 0, 4, may_be_missing=False),
}
"""By name; `holds` is as a pattern's."""

_NOW = 20_000 * DAY
_DAYS = [date(2024, 10, day) for day in (2, 3, 4)]
_WORDS = ["", "x", "y", "xy", "yx", "z"]
_CONSTANTS: dict[AttributeType, list[Scalar]] = {
    _T.INTEGER: [0, 1, 2, 1.5, 3, 4],
    _T.NUMBER: [0, 1, 1.0000000000000002, 1.5, 2, 2**53, 2**53 + 1],
    _T.TEXT: [*_WORDS],
    _T.BOOLEAN: [True, False],
    _T.DATE: [*_DAYS],
    _T.TIME: [_NOW - DAY, _NOW - 1, _NOW, _NOW + 1],
    _T.TEXTS: ["x", "y", "z"],
    _T.VERSION: ["0.0.0-0", "1", "1.0.0-a", "1.0.0-a.0", "1.0.1-0", "1.0.1"],
    _T.IP: ["0.0.0.0", "10.0.0.0", "10.0.0.255", "255.255.255.255", "::", "2001:db8::"],
}
_NETWORKS = ["0.0.0.0/0", "10.0.0.0/24", "10.0.0.0/25", "10.0.0.128/25", "::/0", "::/1", "8000::/1"]
_SPANS = [DAY, 2 * DAY, 3 * DAY]
_COMPARED = (_O.LT, _O.LTE, _O.GT, _O.GTE, _O.EQ, _O.NE)
_LISTED = (_O.IN, _O.NOT_IN, _O.HAS_ANY, _O.HAS_ALL, _O.IN_NETWORK)


def _operand(operator: Operator, constants: st.SearchStrategy[Scalar]) -> st.SearchStrategy[Operand]:
    if operator is _O.EXISTS:
        return st.booleans()
    if operator in SPANS or operator is _O.ANNIVERSARY:
        return st.sampled_from(_SPANS)
    if operator is _O.MATCHES:
        return st.sampled_from(["^x", "y$", "xx", "^(x|z)$"])
    if operator is _O.BETWEEN:
        return st.lists(constants, min_size=2, max_size=2).map(lambda pair: tuple(sorted(pair)))
    if operator in _LISTED:
        return st.lists(constants, min_size=1, max_size=3).map(tuple)
    return constants


def _collations(kind: AttributeType, operator: Operator) -> st.SearchStrategy[Collation]:
    if kind is _T.VERSION and operator is not _O.EXISTS:
        return st.just(Collation.VERSION)
    exact = operator not in FOLDING or kind not in (_T.TEXT, _T.TEXTS)
    return st.just(Collation.EXACT) if exact else st.sampled_from((Collation.EXACT, Collation.CASELESS))


def _inner(operator: Operator) -> st.SearchStrategy[tuple[Test, ...]]:
    if operator not in OF_ITEMS:
        return st.just(())
    sizes = st.builds(Test, st.just(ITEM), st.sampled_from((_O.EQ, _O.GTE, _O.LT)), st.integers(0, 4))
    items = st.builds(
        Test, st.just(ITEM), st.sampled_from((_O.EQ, _O.NE, _O.STARTS_WITH)), st.sampled_from("xyz")
    )
    inner = sizes if operator is _O.SIZE else items
    return st.lists(inner, min_size=1, max_size=2).map(tuple)


def tests(names: Collection[str], *, matches: bool, others: bool) -> st.SearchStrategy[Condition]:
    """Tests of these attributes, as books may have them.

    matches: whether regular expressions are among them. others: whether anniversaries and other attributes are.
    """
    choices = [
        (name, operator)
        for name, domain in DOMAINS.items()
        for operator in sorted(OPERATORS[domain.types[0]])
        if name in names
        and (matches or operator is not _O.MATCHES)
        and (others or operator is not _O.ANNIVERSARY)
    ]

    def build(choice: tuple[str, Operator]) -> st.SearchStrategy[Condition]:
        name, operator = choice
        networked = operator is _O.IN_NETWORK
        constants = st.sampled_from(_NETWORKS if networked else _CONSTANTS[DOMAINS[name].types[0]])
        kind = DOMAINS[name].types[0]
        operand = st.just(()) if operator in OF_ITEMS else _operand(operator, constants)
        if kind is _T.TEXTS and operator in (_O.EQ, _O.NE):
            operand = _operand(_O.IN, constants)
        if kind is _T.VERSION and operator is _O.BETWEEN:
            operand = st.sampled_from([("0.0.0-0", "1"), ("1.0.0-a", "1.0.0-a.0"), ("1", "1.0.1-0")])
        if kind in (_T.DATE, _T.TIME) and operator in _COMPARED:
            operand = st.one_of(operand, st.just(NOW))
        if others and operator in _COMPARED:
            operand = st.one_of(operand, operand, st.builds(AttributeOperand, st.sampled_from([*DOMAINS])))
        return st.builds(
            Test,
            st.just(name),
            st.just(operator),
            operand,
            collation=_collations(kind, operator),
            inner=_inner(operator),
        )

    return st.sampled_from(choices).flatmap(build)


def conditions(
    names: Collection[str] = tuple(DOMAINS), *, matches: bool = True, others: bool = True
) -> st.SearchStrategy[Condition]:
    """Trees of a few tests of these attributes, which contradict each other often."""
    groups = st.sampled_from((All, All, Any_, None_))
    return st.recursive(
        tests(names, matches=matches, others=others),
        lambda inner: st.builds(
            lambda group, parts: group(tuple(parts)), groups, st.lists(inner, min_size=1, max_size=4)
        ),
        max_leaves=8,
    )


def _as_tuple(items: list[str]) -> tuple[str, ...]:
    return tuple(items)


_VALUES: dict[AttributeType, st.SearchStrategy[Value]] = {
    _T.TEXT: st.text("xyzqX", max_size=4),
    _T.TEXTS: st.lists(st.sampled_from(["x", "y", "z", "q", "X"]), max_size=4).map(_as_tuple),
    _T.VERSION: st.sampled_from(
        ["0.0.0-0", "0.0.0", "1.0.0-a.0.0", "1.0.0", "1.0.0+b", "1.0.1-0.0", "1.0.1", "2"]
    ),
    _T.IP: st.sampled_from(["0.0.0.1", "10.0.0.7", "10.0.0.200", "10.0.1.0", "::1", "2001:db8::1", "ffff::"]),
    _T.BOOLEAN: st.booleans(),
    _T.DATE: st.dates(date(2024, 9, 30), date(2024, 10, 8)),
    _T.TIME: st.one_of(st.integers(_NOW - 4 * DAY, _NOW + DAY), st.sampled_from(_CONSTANTS[_T.TIME])),
    _T.INTEGER: st.integers(-2, 6),
    _T.NUMBER: st.one_of(st.sampled_from(_CONSTANTS[_T.NUMBER]), st.floats(0, 4), st.integers(0, 4)),
}


def _value(domain: Domain) -> st.SearchStrategy[Value]:
    if domain.one_of is not None:
        return st.sampled_from(sorted(domain.one_of, key=str))
    if domain.maximum is not None:
        return st.integers(int(domain.minimum or 0), int(domain.maximum))
    return _VALUES[domain.types[0]]


@st.composite
def contexts(draw: st.DrawFn) -> Attributes:
    """Values of the domains; those that may be missing are at times."""
    return {
        name: draw(_value(domain))
        for name, domain in DOMAINS.items()
        if not domain.may_be_missing or draw(st.booleans())
    }


moments = st.builds(
    Moment, st.sampled_from([_NOW - DAY, _NOW, _NOW + DAY]), st.sampled_from([*_DAYS, date(2024, 10, 6)])
)
