"""Derived attributes, signals and weather, from a book to an answer over a real channel."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import AsyncClient, Client, InvalidRequest, request
from tests.books import write_book
from tests.servers import Server, serving
from tests.weather.station import station

SHOP = """
book: {name: shop, timezone: Europe/Paris}
attributes:
  profile.score: {type: number, min: 0, max: 1}
channels: {web: {kind: inbound}}
places: {store: {latitude: 48.8566, longitude: 2.3522}}
placements: {hero: {channel: web, max_offers: 5}}
patterns:
  left-in-cart:
    first: {event: add_to_cart, within: 24h}
    not_after: {event: purchase, same: item}
    expose: {item: first.item}
signals:
  churn-risk: {when: {profile.score: {gte: 0.8}}}
  cart-abandoned: {when: {pattern: left-in-cart}, expose: {item: pattern.left-in-cart.item}}
  save-the-customer: {when: {signal: churn-risk, none: [{signal: cart-abandoned}]}}
offers:
  back: {name: Back, value: 5, content: {default: {title: "Your {signal.cart-abandoned.item}"}}}
  save: {name: Save, value: 4, content: {default: {title: Stay}}}
  views: {name: Views, value: 3, content: {default: {title: Again}}}
  near: {name: Near, value: 2, content: {default: {title: Come by}}}
  snow: {name: Snow, value: 1, content: {default: {title: Boots}}}
campaigns:
  back: {offer: back, when: {signal: cart-abandoned}, placements: [hero]}
  save: {offer: save, when: {signal: save-the-customer}, placements: [hero]}
  views:
    offer: views
    when: {behaviour: {event: view, where: {category: cream}, within: 7d, count: {gte: 2}}}
    placements: [hero]
  near: {offer: near, when: {near: {place: store, within_km: 30}}, placements: [hero]}
  snow: {offer: snow, when: {weather.condition: snow}, placements: [hero]}
"""
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the shop's book."""
    folder = tmp_path_factory.mktemp("shop")
    with serving(write_book(folder / "book", SHOP), folder / "tact.db") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with Client(server.target, timeout=60) as client:
        yield client


def event(kind: str, hours_ago: float, *, event_id: str = "", item: str = "", category: str = "") -> pb.Event:
    """Something that happened."""
    happened = pb.Event(type=kind, event_id=event_id, item=item, category=category)
    happened.at.FromDatetime(NOW - timedelta(hours=hours_ago))
    return happened


def offers(client: Client, *events: pb.Event, **given: object) -> list[str]:
    """What the website would show, best first."""
    message = request("visitor", placement="hero", max_offers=5, mode="preview", **given)  # type: ignore[arg-type]
    message.context.events.extend(events)
    return [offer.offer for offer in client.decide(message).offers]


def test_a_cart_that_was_left_is_a_signal_with_its_item(client: Client) -> None:
    """The pattern holds, the signal is drawn from it, and the content names the item."""
    message = request("visitor", placement="hero", mode="preview")
    message.context.events.append(event("add_to_cart", 2, item="lip balm"))
    (offer,) = client.decide(message).offers
    assert (offer.offer, dict(offer.content)) == ("back", {"title": "Your lip balm"})


def test_what_was_bought_was_not_left(client: Client) -> None:
    """A purchase of the same item breaks the pattern; one of another item does not."""
    cart = event("add_to_cart", 2, item="lip balm")
    assert offers(client, cart, event("purchase", 1, item="lip balm")) == []
    assert offers(client, cart, event("purchase", 1, item="soap")) == ["back"]


def test_signals_follow_from_signals(client: Client) -> None:
    """A signal of the second stratum holds by the first, and not when the other one holds."""
    assert offers(client, profile={"score": 0.9}) == ["save"]
    assert offers(client, event("add_to_cart", 2, item="soap"), profile={"score": 0.9}) == ["back"]


def test_behaviour_is_counted_in_its_window(client: Client) -> None:
    """Two views of the category within seven days count; an older one does not."""
    recent, old = (event("view", hours, category="cream") for hours in (1, 200))
    assert offers(client, recent, recent) == ["views"]
    assert offers(client, recent, old) == []


def test_near_is_a_great_circle(client: Client) -> None:
    """Versailles is near the store in Paris, Lyon is not."""
    assert offers(client, location={"latitude": 48.8049, "longitude": 2.1204}) == ["near"]
    assert offers(client, location={"latitude": 45.7640, "longitude": 4.8357}) == []


def test_explain_shows_the_derived_value(client: Client) -> None:
    """The condition's trace names the aggregate and the count that it saw."""
    message = request("visitor", placement="hero")
    message.context.events.append(event("view", 1, category="cream"))
    explained = {campaign.campaign: campaign for campaign in client.explain(message).campaigns}
    condition = explained["views"].condition
    assert (condition.text.startswith("count of view"), condition.value) == (True, "1")


def test_explain_shows_what_led_to_a_signal(client: Client) -> None:
    """Each signal that held comes with the signals that led to it, and with the test that it began with."""
    explained = client.explain(request("visitor", placement="hero", profile={"score": 0.9}))
    signals = {signal.name: signal for signal in explained.signals}
    assert {name: list(signal.led_by) for name, signal in signals.items()} == {
        "churn-risk": [],
        "save-the-customer": ["churn-risk"],
    }
    condition = signals["churn-risk"].condition
    assert (condition.text, condition.value) == ("profile.score gte 0.8", "0.9")


@pytest.mark.parametrize(
    ("poisoned", "field"),
    [
        (pb.Event(), "context.events[0].type"),
        (pb.Event(type="view"), "context.events[0].at"),
        (event("view", 1, event_id="x" * 201), "context.events[0].event_id"),
    ],
)
def test_a_bad_event_is_named(client: Client, poisoned: pb.Event, field: str) -> None:
    """What is wrong with an event is said by its place in the request."""
    with pytest.raises(InvalidRequest) as caught:
        offers(client, poisoned)
    assert field in [violation.field for violation in caught.value.violations]


def test_too_many_events_are_refused(client: Client) -> None:
    """More than 5,000 events are a violation."""
    with pytest.raises(InvalidRequest):
        offers(client, *[event("view", 1)] * 5001)


async def test_weather_is_fetched_where_it_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's snow decides for a place; what the request brings goes before it."""
    monkeypatch.setenv("TACT_WEATHER_TIMEOUT", "60")
    monkeypatch.setenv("TACT_WEATHER_CALL_TIMEOUT", "60")
    harbin = {"latitude": 45.75, "longitude": 126.65}
    async with station() as provider:
        monkeypatch.setenv("TACT_WEATHER_URL", provider.url)
        with serving(write_book(tmp_path / "book", SHOP), tmp_path / "tact.db") as running:
            async with AsyncClient(running.target, timeout=60) as client:
                first = await client.decide(request("a", placement="hero", location=harbin))
                given = request("b", placement="hero", location=harbin, weather={"condition": "clear"})
                second = await client.decide(given)
    assert [offer.offer for offer in first.offers] == ["snow"]
    assert list(second.offers) == []
