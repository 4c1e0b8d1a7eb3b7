"""The library's limits, in child processes that it may crash, and rulesets at each limit."""

import json
import subprocess
import sys
from typing import Any

import pytest

from engine.conditions.model import All, Condition, None_, Operator, Test
from engine.decide.signals.compile import CompiledSignals
from engine.decide.signals.infer import infer
from engine.decide.signals.kernel import DurableKernel
from engine.server.book.probe import MOMENT
from tests.decide.signals.books import compiled, eq, gte, needs_library, numbered

pytestmark = needs_library

PRELUDE = """
import json, durable_rules_engine as library
def rule(*conditions): return {"all": [{"m": {"$and": list(conditions)}}]}
def create(*rules): return library.create_ruleset("x", json.dumps({f"r{n}": body for n, body in enumerate(rules)}))
def tell(handle, fact): return library.assert_fact(handle, fact)[0]
def error(function, *given):
    try: function(*given)
    except Exception as error: return str(error).rpartition(" ")[2]
"""


def library(script: str, seconds: float = 20) -> Any:
    """What a script, run in a process of its own, leaves in `result`."""
    code = f"{PRELUDE}\n{script}\nprint(json.dumps(result))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=seconds, check=True)
    return json.loads(done.stdout)


def test_every_operator_but_absence_is_false_on_a_missing_attribute() -> None:
    """Also $neq; the first condition of a rule may not be $nex alone, hence the guard."""
    words = ("$eq", "$neq", "$lt", "$lte", "$gt", "$gte", "$ex", "$nex")
    script = f"""
guard = {{"$gte": {{"g": 0}}}}
result = [tell(create(rule(guard, {{word: {{"a": 1}}}})), '{{"id":1,"g":0}}') for word in {words}]
"""
    assert library(script) == [1, 1, 1, 1, 1, 1, 1, 0]


def test_a_number_with_an_exponent_needs_a_dot() -> None:
    """Python's own 1e16 and 1e-07 are errors: one reason why no number of a caller's is written."""
    script = """
handle = create(rule({"$gte": {"a": 0}}))
result = [error(tell, handle, '{"id":1,"a":%s}' % text) for text in ("1e16", "1e-07", "Infinity", "1.0e16")]
"""
    first, second, third, last = library(script)
    assert first is not None
    assert second is not None
    assert third is not None
    assert last is None


def test_sixty_four_true_conditions_are_the_most() -> None:
    """With 65 under the root the assertion fails: 303."""
    script = """
def hits(size):
    handle = create(*[rule({"$gte": {"a": -n}}) for n in range(size)])
    return error(tell, handle, '{"id":1,"a":0}')
result = [hits(64), hits(65)]
"""
    assert library(script) == [None, "303"]


def test_a_ruleset_has_at_most_4096_rules() -> None:
    """One more fails: 106."""
    script = """
def rules(size): return error(create, *[rule({"$gte": {"g": -(n // 200)}}, {"$eq": {"a": n}}) for n in range(size)])
result = [rules(4096), rules(4097)]
"""
    assert library(script) == [None, "106"]


def test_a_fact_has_at_most_252_properties_of_ours() -> None:
    """One more fails: 302."""
    script = """
handle = create(rule({"$gte": {"g": 0}}))
def properties(size): return error(tell, handle, json.dumps({"id": 1, **{f"p{n}": 1 for n in range(size)}}))
result = [properties(252), properties(254)]
"""
    assert library(script) == [None, "302"]


def test_512_conditions_under_one_parent_hang_the_library() -> None:
    """511 are matched; with 512 it never comes back, and keeps the interpreter's lock."""
    script = """
def matched(size):
    handle = create(*[rule({"$gte": {"g": 0}}, {"$eq": {"a": n}}) for n in range(size)])
    return tell(handle, '{"id":1,"g":0,"a":%d,"b":1}' % (size - 1))
result = matched(SIZE)
"""
    assert library(script.replace("SIZE", "511")) == 0
    with pytest.raises(subprocess.TimeoutExpired):
        library(script.replace("SIZE", "512"), seconds=2)


def agreed(signals: CompiledSignals, **attributes: Any) -> int:
    """How many signals hold; asserts that kernel and PythonEvaluator agree and that the library does not fail."""
    evaluator = DurableKernel(signals)
    names = infer(signals, attributes, MOMENT, evaluator)
    assert names == infer(signals, attributes, MOMENT)
    assert evaluator.anomalies == 0
    evaluator.close()
    assert evaluator.anomalies == 0
    return len(names)


@pytest.mark.parametrize("size", [1, 31, 32, 33, 511, 512, 513, 1_100])
def test_all_rules_of_a_ruleset_may_hold_at_once(size: int) -> None:
    """Up to and beyond 512 conjunctions, all with different first conditions on one attribute: no 303, no hang."""
    assert agreed(numbered(size), x=size) == size
    assert agreed(numbered(size), x=0) == 1


@pytest.mark.parametrize("size", [32, 129, 512, 700])
def test_rules_that_only_want_absence(size: int) -> None:
    """More than 128 $nex, none of them under the root and no more than 32 under a guard: all hold on nothing."""
    signals = compiled({f"s{number}": None_((eq("x", number),)) for number in range(size)})
    assert agreed(signals) == size
    assert agreed(signals, x=3) == size - 1


def test_equal_conditions_are_not_confused() -> None:
    """512 signals with the same condition, and 512 that always hold: every one of them is found."""
    assert agreed(compiled({f"s{number}": eq("x", 1) for number in range(512)}), x=1) == 512
    assert agreed(compiled({f"s{number}": All(()) for number in range(512)})) == 512


def test_a_fact_of_240_properties() -> None:
    """240 attributes in one rule, and 241, which PythonEvaluator evaluates."""
    for size in (240, 241):
        attributes = {f"a{number}": number for number in range(size)}
        signals = compiled({"s": All(tuple(eq(name, value) for name, value in attributes.items()))})
        assert bool(signals.outside) is (size == 241)
        assert agreed(signals, **attributes) == 1
        assert agreed(signals, **{**attributes, "a7": 0}) == 0


def test_properties_spread_over_batches() -> None:
    """600 attributes make three facts, whose answers are put together."""
    conditions: dict[str, Condition] = {
        f"s{number}": All((gte(f"a{number}", 1), Test("b", Operator.NE, "x"))) for number in range(600)
    }
    signals = compiled(conditions)
    assert len(signals.strata[0].batches) == 3
    assert agreed(signals, b="y", **{f"a{number}": number % 2 for number in range(600)}) == 300
