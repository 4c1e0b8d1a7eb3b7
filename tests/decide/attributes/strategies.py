"""Random events, aggregates and patterns, from few values and moments so that they match often."""

from hypothesis import strategies as st

from engine.conditions.model import ALWAYS, All, Condition, None_, Operator, Test
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.values import Value
from engine.rulebook.model.derived import (
    Absence,
    Aggregate,
    Anchor,
    Exposed,
    Measure,
    Pattern,
    PatternStep,
    Prefer,
)

NOW = 20_000 * DAY
HOUR = 3600 * SECOND
FIELDS = ("item", "value")

types = st.sampled_from(("view", "cart", "buy"))
spans = st.sampled_from((1, HOUR, 2 * HOUR, DAY))
moments = st.one_of(
    st.sampled_from((1, 0, -1, -HOUR + 1, -HOUR, -2 * HOUR, -DAY + 1, -DAY, -DAY - 1, -9 * DAY)),
    st.integers(-6, 0).map(lambda half: half * HOUR // 2),
).map(lambda offset: NOW + offset)
_values: st.SearchStrategy[Value] = st.sampled_from(["x", "y", "1", 1, 1.0, True, False, 0.1, 2.5, -7])
fields = st.dictionaries(st.sampled_from(FIELDS), _values)
events = st.builds(Event, st.sampled_from(("", "", "", "1", "2")), types, moments, fields)
histories = st.lists(events, max_size=14)
_close = st.integers(-8, 0).map(lambda half: NOW + half * HOUR // 2)
crowds = st.lists(
    st.builds(Event, st.just(""), st.sampled_from(("view", "cart", "cart", "buy")), _close, fields),
    min_size=3,
    max_size=12,
)

_tests: st.SearchStrategy[Condition] = st.builds(
    Test,
    st.sampled_from(FIELDS),
    st.sampled_from((Operator.EQ, Operator.NE, Operator.GTE)),
    st.sampled_from(("x", 1, 2.5, True)),
)
wheres: st.SearchStrategy[Condition] = st.one_of(
    st.just(ALWAYS),
    st.just(ALWAYS),
    _tests,
    st.tuples(_tests, _tests).map(All),
    _tests.map(lambda condition: None_((condition,))),
)
aggregates = st.builds(
    Aggregate,
    st.just("a"),
    types,
    st.sampled_from(Measure),
    st.sampled_from(FIELDS),
    wheres,
    st.none() | spans,
)

# Of patterns most have to hold: few types, mild tests, wide windows, many events close to each other.
_two = st.sampled_from(("view", "cart"))
_mild = st.integers(0, 5).flatmap(lambda number: wheres if number == 0 else st.just(ALWAYS))
_wide = st.none() | st.sampled_from((HOUR, 2 * HOUR, 3 * HOUR, DAY))
_firsts = st.builds(PatternStep, _two, _mild, _wide)
_steps = st.builds(PatternStep, _two, _mild, _wide, st.sampled_from(Anchor))
_absences = st.builds(
    Absence, st.sampled_from(("view", "cart", "buy", "buy", "buy")), _mild, st.sampled_from((*FIELDS, ""))
)
patterns = st.builds(
    Pattern,
    st.just("p"),
    _firsts,
    st.lists(_steps, max_size=3).map(tuple),
    st.lists(_absences, max_size=2).map(tuple),
    st.sampled_from(Prefer),
    st.just({"item": Exposed(0, "item"), "value": Exposed(0, "value")}),
)
