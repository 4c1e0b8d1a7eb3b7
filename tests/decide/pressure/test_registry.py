"""Every kind of pressure rule has all that it takes, found by its row in the registry."""

from dataclasses import fields
from zoneinfo import ZoneInfo

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.decide.pressure.registry import CODES, PRESSURE, ROWS, RuleRow
from engine.explain.words import rule_in_words
from engine.model.decision import ReasonCode, RuleKind, RuleReading
from engine.rulebook.model.policies import POLICY_SECTIONS, Policies
from engine.rulebook.sections.pressure import POLICIES
from engine.wire.respond import reading


def test_each_kind_has_one_row() -> None:
    """None is missing, and none is there twice."""
    assert sorted(row.kind for row in ROWS) == sorted(RuleKind)


def test_the_reasons_that_name_a_rule() -> None:
    """All of the rows but those of what the customer said, which name the channel."""
    assert {
        ReasonCode.QUIET,
        ReasonCode.CAPPED,
        ReasonCode.TOO_SOON,
        ReasonCode.PAUSED,
        ReasonCode.OUT_OF_STOCK,
        ReasonCode.OVER_CAPACITY,
        ReasonCode.OVER_BUDGET,
    } == PRESSURE
    assert set(CODES.values()) - PRESSURE == {ReasonCode.NO_CONSENT, ReasonCode.OBJECTED}


def test_each_section_has_a_row_and_a_reader() -> None:
    """The policies of the section `pressure`: what a book can write is read, and compiled."""
    sections = [row.section for row in ROWS if row.section]
    assert sorted(sections) == sorted(POLICIES) == sorted(POLICY_SECTIONS)
    assert {policy.name for policy in fields(Policies)} == set(sections)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.kind)
def test_each_row_is_complete(row: RuleRow) -> None:
    """It is compiled from the book one way, unless it is what a customer said; it has a wire value and words."""
    ways = (row.compile is not None) + (row.compile_quotas is not None)
    assert ways == (row.kind not in (RuleKind.CONSENT, RuleKind.OBJECTION))
    result = RuleReading("c", "sms", "r", row.kind, True, 1, 2, "w", (), None)
    message = reading(result)
    assert pb.PressureKind.Name(message.kind) == f"PRESSURE_KIND_{row.kind.name}"
    words = rule_in_words(result, ZoneInfo("UTC"))
    assert words
    assert "{" not in words


def test_the_contract_has_no_other_kind() -> None:
    """Every value of the contract is some rule's."""
    named = {name.removeprefix("PRESSURE_KIND_").lower() for name in pb.PressureKind.keys()}  # noqa: SIM118 no mapping
    assert named - {"unspecified"} == {kind.value for kind in RuleKind}
