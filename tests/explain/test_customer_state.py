"""What is stored of customers is explained: a withdrawn consent and a pause, in sentences, before and after."""

from pathlib import Path

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import CampaignExplained, explain, explain_logged
from engine.explain.sentences import sentence
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Request
from tests.books import compiled_book
from tests.explain.engines import engine_on

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: told, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  sms: {kind: outbound, address: profile.to, consent: ads}
  mail: {kind: outbound, address: profile.to, consent: letters}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms, mail]}}
pressure: {pauses: {peace: {outcome: complained, for: 30d, scope: channel}}}
"""


def ann(now: int, channel: str) -> Request:
    """Somebody who has agreed to everything, as far as the caller knows."""
    return Request(
        "ann", now, {"profile.to": "1"}, consents=frozenset(("ads", "letters")), channels=(channel,)
    )


async def tell(engine: Engine, kind: str, channel: str) -> None:
    """She says it."""
    report = ReportCommand(engine.compiled, "ann", "", Event(f"e-{kind}", kind, NOW, {}), NOW, channel)
    assert await engine.record([report]) == [RecordResult.ACCEPTED]


async def both(engine: Engine, request: Request) -> CampaignExplained:
    """The campaign as it is explained before it is decided, and from the log after it: the same."""
    before = await explain(engine, request, counterfactuals=True)
    decision = await engine.decide(request)
    after = await explain_logged(engine, decision.decision_id, counterfactuals=True)
    assert after.notes == ()
    assert after.campaigns == before.campaigns
    return before.campaigns[0]


async def test_a_withdrawn_consent_is_explained(tmp_path: Path) -> None:
    """Since when; and that the caller agrees to it for her is no change that would help."""
    compiled: CompiledBook = compiled_book(tmp_path / "book", BOOK)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await tell(engine, "unsubscribed", "sms")
        campaign = await both(engine, ann(NOW + DAY, "sms"))
    assert campaign.counterfactuals == () or campaign.counterfactuals[0].change.name == "mail"
    assert sentence(campaign, compiled.book.timezone).startswith(
        "tea fits, but the customer has not agreed to be contacted on sms"
        " (withdrawn 2026-03-10T02:00:00+00:00)."
    )


async def test_a_contact_that_lapsed_is_explained(tmp_path: Path) -> None:
    """Where silence releases, a cap says which contact no longer counts, and since when."""
    text = BOOK.replace("consent: ads", "consent: ads, on_silence: release").replace(
        "pressure: {", "pressure: {caps: {weekly: {limit: 1, per: rolling 7d}}, "
    )
    compiled: CompiledBook = compiled_book(tmp_path / "book", text)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(ann(NOW, "sms"))
        held = await explain(engine, ann(NOW + DAY - 1, "sms"))
        campaign = await both(engine, ann(NOW + DAY, "sms"))
    assert "lapsed" not in sentence(held.campaigns[0], compiled.book.timezone)
    assert sentence(campaign, compiled.book.timezone) == (
        "tea is chosen, on sms with a score of 1; cap weekly, 0 of 1 in rolling 7d:"
        " the contact of 2026-03-10T02:00+00:00 lapsed unreported at 2026-03-11T02:00+00:00."
    )


async def test_a_pause_is_explained(tmp_path: Path) -> None:
    """What began it, how long it lasts, and the moment at which it is over, which is tried."""
    compiled: CompiledBook = compiled_book(tmp_path / "book", BOOK)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await tell(engine, "complained", "sms")
        campaign = await both(engine, ann(NOW + DAY, "sms"))
    assert sentence(campaign, compiled.book.timezone).startswith(
        "tea fits, but the customer is left in peace: peace"
        " (1 of 1 outcome, a pause of 30d, until 2026-04-09T02:00+00:00)."
    )
    assert any(counterfactual.change.after == NOW + 30 * DAY for counterfactual in campaign.counterfactuals)
