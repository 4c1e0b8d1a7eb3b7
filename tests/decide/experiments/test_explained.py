"""Explanations: what is withheld, what is not open, and when a ramp reaches the customer."""

from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.subjects import DrawSubject
from engine.engine import Engine
from engine.explain.explain import explain
from engine.explain.model import CampaignExplained, ChangeKind
from engine.explain.replay import explain_logged
from engine.explain.sentences import sentence
from engine.model.decision import Outcome, ReasonCode
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import LAB, NOW, by_sms, controlled, first_customer, held_out
from tests.explain.engines import engine_on

RAMP = """
campaigns:
  slowly: {offer: parcel, tier: 5, channels: [sms], ramp: {from: 2026-03-01, start: 10%, full: 2026-03-31}}
"""


async def explanation(compiled: CompiledBook, folder: Path, person: str) -> dict[str, CampaignExplained]:
    """The explained campaigns, with counterfactuals."""
    with engine_on(compiled, folder / "tact.db") as engine:
        explained = await explain(engine, by_sms(person), counterfactuals=True)
    return {campaign.campaign: campaign for campaign in explained.campaigns}


async def test_what_is_withheld_is_said(tmp_path: Path) -> None:
    """The withheld campaign would be chosen; the next one is outranked by it; no change is suggested."""
    compiled = compiled_book(LAB)
    zone = compiled.book.timezone
    explained = await explanation(compiled, tmp_path, controlled(compiled))
    assert sentence(explained["cream"], zone) == (
        "cream would be chosen, and is withheld: the customer is in its control group."
    )
    assert sentence(explained["soap"], zone).startswith(
        "soap fits, but cream goes before it (score 10 against 5)."
    )
    explained = await explanation(compiled, tmp_path, held_out(compiled))
    assert sentence(explained["cream"], zone).endswith("withheld: the customer is in the holdout universal.")
    assert not explained["cream"].counterfactuals


async def test_a_ramp_says_from_when_on(tmp_path: Path) -> None:
    """The second at which the ramp reaches the customer is suggested, and is right; a second before it is not."""
    compiled = compiled_book(LAB, RAMP)
    person = first_customer(compiled, lambda drawn: not drawn["ramp", "slowly"].inside)
    explained = (await explanation(compiled, tmp_path, person))["slowly"]
    assert explained.reason.code is ReasonCode.RAMPING
    (moment,) = [
        counterfactual.change.after
        for counterfactual in explained.counterfactuals
        if counterfactual.change.kind is ChangeKind.TIME
    ]
    assert isinstance(moment, int)
    assert moment > NOW
    ramp = compiled.compiled_campaigns[
        [compiled_campaign.campaign.name for compiled_campaign in compiled.compiled_campaigns].index("slowly")
    ].gates[0]
    assert ramp.has(DrawSubject(person), moment)
    assert not ramp.has(DrawSubject(person), moment - 1_000_000)


async def test_a_past_decision_is_told_with_its_shadows(tmp_path: Path) -> None:
    """Explained by its id, what was withheld and what the shadow blocked come out as they were decided."""
    compiled = compiled_book(LAB)
    person = controlled(compiled)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        ids = [await decided(engine, person) for _ in range(2)]
        first, second = [await explain_logged(engine, decision_id) for decision_id in ids]
    assert (first.notes, second.notes) == ((), ())
    assert first.decision.outcome is Outcome.CONTROL
    reasons = {campaign.campaign: campaign.reason.code for campaign in second.campaigns}
    assert reasons["cream"] is ReasonCode.CAPPED


async def decided(engine: Engine, person: str) -> str:
    """The id of a decision that is kept."""
    return (await engine.decide(by_sms(person))).decision_id
