"""What is remembered of a person, over a real channel: signals, who is new, what is told of it."""

from datetime import UTC
from pathlib import Path

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, recorded, request
from tests.ledger.memory.calls import ACCEPTED, NOW, cart, email, held, later, rows, web


def test_seen_on_the_web_spoken_to_by_email(client: Client, ann: str) -> None:
    """What was recorded two days ago raised a signal then; tomorrow's e-mail knows it and its item, without any event."""
    assert client.record([cart(ann)], now=NOW) == [ACCEPTED]
    answer = email(client, ann, later(hours=47))
    (offer,) = answer.offers
    assert (offer.channel, dict(offer.content)) == ("email", {"title": "Your lip balm"})
    assert held(answer)["cart-abandoned"] == NOW


def test_events_of_a_request_raise_a_signal_too(client: Client, ann: str) -> None:
    """Raised on the web by a decision, held two days for every channel."""
    message = request(ann, placement="hero", now=NOW)
    message.context.events.append(cart(ann).event)
    client.decide(message)
    assert [one.campaign for one in email(client, ann, later(hours=47)).offers] == ["back"]


def test_it_ends_to_the_second(client: Client, ann: str) -> None:
    """A second before its time is over the signal holds, and then no longer."""
    client.record([cart(ann)], now=NOW)
    assert "cart-abandoned" in held(email(client, ann, later(hours=47, minutes=59, seconds=59)))
    assert "cart-abandoned" not in held(email(client, ann, later(hours=48)))


def test_concluded_anew_it_keeps_since_and_lasts(client: Client, ann: str) -> None:
    """While the pattern holds each request renews the time, and since stays the first."""
    client.record([cart(ann)], now=NOW)
    web(client, ann, later(hours=20))
    assert held(email(client, ann, later(hours=67)))["cart-abandoned"] == NOW
    assert held(email(client, ann, later(hours=68))) == {}


def test_until_ends_it(client: Client, ann: str) -> None:
    """A purchase that is recorded drops the signal at once, and what raised it cannot raise it again."""
    client.record([cart(ann), cart(ann, item="soap")], now=NOW)
    assert "cart-abandoned" in held(web(client, ann, later(hours=1)))
    client.record([recorded(ann, "purchase", later(hours=2), item="soap")], now=later(hours=2))
    assert held(web(client, ann, later(hours=3))) == {}


def test_a_signal_that_needs_the_profile_waits_for_it(client: Client, ann: str) -> None:
    """`none: gold` says nothing where events are recorded; the next request that tells the tier decides."""
    client.record([cart(ann)], now=NOW)
    assert list(held(web(client, ann, profile={"tier": "gold"}))) == ["cart-abandoned"]
    assert list(held(web(client, ann))) == ["cart-abandoned", "hesitant"]


def test_previews_and_explanations_change_nothing(client: Client, ann: str, log: Path) -> None:
    """They see what is remembered, write no signal and leave a new customer new."""
    message = request(ann, placement="hero", max_offers=5, now=NOW, mode="preview")
    message.context.events.append(cart(ann).event)
    assert list(held(client.decide(message))) == ["cart-abandoned", "hesitant"]
    assert [one.name for one in client.explain(message).signals] == ["cart-abandoned", "hesitant"]
    assert rows(log, "select * from signals where person = ?", ann) == []
    assert rows(log, "select * from persons where person = ?", ann) == []


def test_explain_says_what_led_to_a_signal(client: Client, ann: str) -> None:
    """One is concluded from another; one that is remembered says so, and that its condition does not hold now."""
    client.record([cart(ann)], now=NOW)
    abandoned, hesitant = client.explain(request(ann, placement="hero", now=later(hours=30))).signals
    assert (abandoned.remembered, list(abandoned.led_by)) == (True, [])
    assert abandoned.expires_at.ToDatetime(UTC) == later(hours=48)
    assert abandoned.condition.verdict == pb.VERDICT_UNKNOWN
    assert (hesitant.remembered, list(hesitant.led_by)) == (False, ["cart-abandoned"])


def test_a_customer_is_new_once(client: Client, ann: str) -> None:
    """Until a decision or an event is kept; a retry of the first request gets the first answer."""
    first = request(ann, placement="hero", now=NOW, request_id=f"{ann}-first")
    assert [one.campaign for one in client.decide(first).offers] == ["hello"]
    assert list(web(client, ann).offers) == []
    assert [one.campaign for one in client.decide(first).offers] == ["hello"]
    bob = f"{ann}-bob"
    client.record([recorded(bob, "view", NOW)], now=NOW)
    assert list(web(client, bob).offers) == []


def test_the_log_says_what_was_remembered(client: Client, ann: str, log: Path) -> None:
    """Inputs name the signals with their times, and hold what was derived from recalled events."""
    client.record([cart(ann)], now=NOW)
    answer = web(client, ann)
    sql = "select json_extract(inputs, ?) from decisions where decision_id = ?"
    (signals,), (item,), (events,) = (
        rows(log, sql, path, answer.decision_id)[0]
        for path in ("$.signals[0][0]", '$.attributes."signal.cart-abandoned.item"', "$.recalled_events")
    )
    assert (signals, item, events) == ("cart-abandoned", "lip balm", 1)


def test_a_retried_decision_names_its_signals(client: Client, ann: str) -> None:
    """The answer from the log has the signals of the first answer."""
    client.record([cart(ann)], now=NOW)
    message = request(ann, placement="hero", now=NOW, request_id=f"{ann}-again")
    assert held(client.decide(message)) == held(client.decide(message)) != {}
