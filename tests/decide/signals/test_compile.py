"""From conditions to rules and rulesets."""

import json

import pytest

from engine.conditions.model import ALWAYS, All, Any_, None_, Operator, Test
from engine.decide.signals import compile as compiling
from engine.decide.signals import rulesets
from engine.decide.signals.compile import CompiledSignals, TooManyConjunctions, compile_signals
from engine.decide.signals.strata import SignalCycle
from tests.decide.signals.books import book, compiled, eq, gte, numbered, signal


def all_rulesets(signals: CompiledSignals) -> list[rulesets.Ruleset]:
    """The rulesets of all strata and batches."""
    return [ruleset for stratum in signals.strata for batch in stratum.batches for ruleset in batch.rulesets]


def test_sixty_four_conjunctions_are_taken_and_one_more_is_an_error_naming_the_signal() -> None:
    """The limit of a signal's disjunctive form."""
    alternatives = tuple(gte("x", number) for number in range(65))
    (stratum,) = compiled({"most": Any_(alternatives[:64])}).strata
    assert len(stratum.rules[0].conjunctions) == 64
    with pytest.raises(TooManyConjunctions) as caught:
        compiled({"fine": ALWAYS, "too-many": Any_(alternatives)})
    assert caught.value.name == "too-many"
    assert "signal too-many has more than 64 alternatives" in str(caught.value)


def test_nesting_without_end_is_too_many() -> None:
    """A condition nested too deep is refused, without a RecursionError."""
    deep = eq("x", 1)
    for _ in range(70):
        deep = None_((deep,))  # type: ignore[assignment]
    with pytest.raises(TooManyConjunctions):
        compiled({"deep": deep})


def test_a_cycle_does_not_compile() -> None:
    """The error of strata is raised."""
    with pytest.raises(SignalCycle):
        compile_signals(book({"a": signal("b"), "b": signal("a")}))


def test_always_and_never() -> None:
    """A signal without tests has one empty conjunction; one that cannot hold has none."""
    (stratum,) = compiled({"always": ALWAYS, "never": None_((ALWAYS,))}).strata
    assert [(rule.name, rule.conjunctions) for rule in stratum.rules] == [("always", ((),)), ("never", ())]


def test_every_rule_begins_with_its_groups_guard() -> None:
    """Sixteen groups of thirty-two; the canary's is another property, so that no fact meets both."""
    (ruleset,) = all_rulesets(numbered(512))
    rules = json.loads(ruleset.definition)
    canary = rules.pop(rulesets.CANARY_RULE)["all"][0]["m"]["$and"]
    assert all(rulesets.GUARD not in next(iter(condition.values())) for condition in canary)
    guards = [rule["all"][0]["m"]["$and"][0] for rule in rules.values()]
    assert guards == [{"$gte": {"g": -(number // 32)}} for number in range(512)]
    assert len(ruleset.owners) == 512


def test_one_conjunction_more_than_a_ruleset_takes_makes_two_that_share_a_fact() -> None:
    """513 conjunctions: two rulesets, one batch."""
    (stratum,) = numbered(513).strata
    (batch,) = stratum.batches
    assert [len(ruleset.owners) for ruleset in batch.rulesets] == [512, 1]


def test_a_ruleset_has_at_most_4096_conditions() -> None:
    """Rules of 240 conditions fill a ruleset before there are 512 of them."""
    parts = [eq(f"a{number}", 1) for number in range(239)]
    packed = all_rulesets(compiled({f"s{number}": All((*parts, gte("x", number))) for number in range(20)}))
    assert [len(ruleset.owners) for ruleset in packed] == [17, 3]


def test_a_fact_has_at_most_240_properties() -> None:
    """The 241st attribute is in a second batch; of all operands that an attribute may equal, one counts."""
    (stratum,) = compiled({f"s{number:03}": eq(f"a{number}", 1) for number in range(241)}).strata
    assert [len(batch.fact_builder.columns) for batch in stratum.batches] == [240, 1]
    (stratum,) = compiled({f"s{number}": eq("a", number) for number in range(1_000)}).strata
    assert len(stratum.batches) == 1


def test_what_no_fact_can_hold_is_outside() -> None:
    """A conjunction of 241 tests is left to PythonEvaluator and listed as outside."""
    signals = compiled(
        {"wide": All(tuple(eq(f"a{number}", 1) for number in range(241))), "small": eq("a0", 1)}
    )
    assert signals.outside == ("wide",)
    assert [ruleset.owners for ruleset in all_rulesets(signals)] == [("small",)]
    long = None_(tuple(eq("a", number) for number in range(241)))
    assert compiled({"long": long}).outside == ("long",)


def test_a_book_has_room_for_so_many_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all strata; later rules for which there is no room are left to PythonEvaluator, however small."""
    monkeypatch.setattr(compiling, "ROOM", 6)
    low = {f"low{number}": All((gte("x", number), eq("y", 1))) for number in range(2)}
    signals = compiled(
        {**low, "high1": signal("low1"), "high2": signal("low2"), "high3": All((signal("low0"), eq("z", 1)))}
    )
    assert signals.outside == ("high3",)
    assert [len(stratum.rules) for stratum in signals.strata] == [3, 2]


def test_only_words_of_the_safe_form_are_written() -> None:
    """Whatever the condition, a definition holds generated names, small integers and few operators."""
    every = [Test("a", operator, 1) for operator in Operator]
    written = {
        f"s{number}": All((test, None_((test,)), gte("b", 2))) for number, test in enumerate(every)
    } | {f"t{number}": Any_((test, None_((test,)))) for number, test in enumerate(every)}
    for ruleset in all_rulesets(compiled(written)):
        for rule in json.loads(ruleset.definition).values():
            for condition in rule["all"][0]["m"]["$and"]:
                ((word, operand),) = condition.items()
                assert word in {"$gte", "$gt", "$lte", "$lt", "$ex", "$nex"}
                ((name, value),) = operand.items()
                assert name in {"g", "c", "d"} or name[0] == "p"
                assert type(value) is int


def test_names_differ_in_the_hash_that_the_library_knows_them_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name whose hash another has is not given; the hash is that of the library for `id` and `sid`."""
    assert (rulesets.fnv1a("id"), rulesets.fnv1a("sid")) == (926444256, 3593476751)
    given = [name for name, _ in zip(rulesets.distinct_names(), range(5_000), strict=False)]
    assert len({rulesets.fnv1a(name) for name in [*given, *rulesets.RESERVED]}) == 5_000 + len(
        rulesets.RESERVED
    )
    monkeypatch.setattr(rulesets, "fnv1a", len)
    names = rulesets.distinct_names()
    assert [next(names), next(names)] == ["p100", "p1000"]
