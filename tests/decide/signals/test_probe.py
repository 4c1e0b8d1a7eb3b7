"""New rules are tried in a child process."""

import os
import time

import pytest

from engine.conditions.model import (
    ITEM,
    NOW,
    OF_ITEMS,
    Any_,
    AttributeOperand,
    None_,
    Operand,
    Operator,
    Test,
)
from engine.decide.signals import kernel, rulesets
from engine.decide.signals.python_evaluator import conjunction_holds
from engine.model.instant import DAY
from engine.server.book import probe as probing
from engine.server.book.probe import MOMENT, examine, probe, samples, satisfying
from tests.decide.signals.books import compiled, gte, needs_library, numbered, signal

BOOK = compiled({"old": gte("age", 60), "young": None_((signal("old"),))})


@needs_library
def test_good_rules_pass() -> None:
    """Good rules give no reason."""
    assert probe(BOOK) is None
    assert probe(compiled({})) is None


@needs_library
@pytest.mark.parametrize(
    ("child", "reason"),
    [
        ("import time; time.sleep(60)", "no end within 1 s"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11"),
        ("raise ValueError('odd')", "exit code 1: ValueError: odd"),
    ],
)
def test_a_process_that_hangs_or_dies_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, child: str, reason: str
) -> None:
    """It is killed at the limit; the caller gets the reason only."""
    monkeypatch.setattr(probing, "_CHILD", child)
    assert probe(BOOK, seconds=1 if "1 s" in reason else 120) == reason


@needs_library
def test_a_ruleset_that_hangs_the_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without our groups 600 conditions come under one parent; the process that is caught in C is killed."""
    monkeypatch.setattr(rulesets, "GROUP", 10_000)
    monkeypatch.setattr(rulesets, "GROUPS", 1)
    assert probe(numbered(600), seconds=3) in {"no end within 3 s", "the library failed"}


@needs_library
def test_a_large_book_is_tried_on_part_of_its_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time for comparing is over, the samples so far decide."""
    signals = numbered(2_000)
    compared: list[None] = []

    def one_sample_a_second() -> float:
        compared.append(None)
        return float(len(compared))

    monkeypatch.setattr(time, "monotonic", one_sample_a_second)
    assert examine(signals, 2.5) is None
    assert 2 < len(compared) < 10


@needs_library
def test_a_wrong_answer_and_a_failure_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names the signals that differ."""
    with monkeypatch.context() as patch:
        patch.setattr(kernel.DurableKernel, "matching", lambda *_: frozenset(("young",)))
        assert examine(BOOK, 5) == "a wrong answer on old, young"
    monkeypatch.setattr(kernel.DurableKernel, "_ready", lambda _: None)
    assert examine(BOOK, 5) == "the library failed"


def test_without_the_library_there_is_nothing_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started."""
    monkeypatch.setattr(kernel, "LIBRARY", None)
    monkeypatch.setattr(os, "environ", {})
    assert probe(BOOK) is None


def test_samples_make_every_rule_hold() -> None:
    """Every test that can hold holds on the attributes made for it."""
    operands: dict[Operator, Operand] = {
        Operator.BETWEEN: (1, 2),
        Operator.IN: (1, 2),
        Operator.HAS_ANY: ("x", "y"),
        Operator.HAS_ALL: ("x", "y"),
        Operator.NOT_IN: (1,),
        Operator.EXISTS: True,
        Operator.HAS: "x",
        Operator.WITHIN: 5,
        Operator.ANNIVERSARY: DAY,
        Operator.IN_NETWORK: ("10.0.0.0/8",),
    }
    for text in (Operator.STARTS_WITH, Operator.ENDS_WITH, Operator.CONTAINS, Operator.MATCHES):
        operands[text] = "x"
    tests = {operator.value: Test("a", operator, operands.get(operator, 3)) for operator in Operator}
    for operator in OF_ITEMS:
        tests[operator] = Test("a", operator, (), inner=(Test(ITEM, Operator.EQ, 3),))
    for operator in (Operator.LT, Operator.LTE, Operator.GT, Operator.GTE, Operator.BEFORE, Operator.AFTER):
        tests[f"{operator} now"] = Test("a", operator, NOW)
        tests[f"{operator} other"] = Test("a", operator, AttributeOperand("b"))
    signals = compiled(tests)
    rules = {rule.name: rule.conjunctions for rule in signals.strata[0].rules}
    assert [
        name
        for name, (conjunction,) in rules.items()
        if not conjunction_holds(conjunction, satisfying(conjunction), MOMENT)
    ] == []


def test_samples_are_the_same_for_a_seed() -> None:
    """The same seed gives the same samples, so that a refusal can be reproduced."""
    signals = compiled({"a": Any_((gte("x", 1), Test("y", Operator.BEFORE, "no date")))})
    assert repr(list(samples(signals, 50))) == repr(list(samples(signals, 50)))
