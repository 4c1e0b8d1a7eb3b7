"""Every rule through a real server and its log: what is answered, what a preview shows, and that it keeps nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import (
    OUTCOME_BLOCKED,
    OUTCOME_OFFER,
    DecideRequest,
    DecideResponse,
    PressureKind,
    PressureReading,
    ReasonCode,
)
from engine.client import Client, request
from tests.books import write_book
from tests.servers import serving

BOOK = """
book: {name: pressure, timezone: America/New_York, week_starts: sun}
attributes:
  profile.phone: {type: text}
  profile.weekly_max: {type: number}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  news: {name: News, content: {default: {text: News}}}
campaigns:
  news: {offer: news, channels: [sms], limits: {per_customer: {limit: 3, per: calendar month}}}
pressure:
  quiet: {nights: {channel: [sms], from: "21:00", until: "08:00"}}
  caps:  {weekly: {limit: {attribute: profile.weekly_max, default: 2}, per: calendar week, clock: book}}
  gaps:  {breath: {at_least: 48h, count: {channel: sms}}}
"""


@pytest.fixture(scope="module")
def tact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server with the book."""
    folder = tmp_path_factory.mktemp("served")
    book = write_book(folder / "book", BOOK)
    with (
        serving(book, folder / "tact.db", "--allow-simulated-now") as server,
        Client(server.target, timeout=60) as client,
    ):
        yield client


def ask(
    tact: Client,
    customer: str,
    at: str,
    mode: str = "commit",
    customer_limit: float | None = None,
    zone: str = "America/New_York",
) -> DecideResponse:
    """The answer for a customer with a phone, in a zone or nowhere in particular."""
    profile = {"phone": "1"} if customer_limit is None else {"phone": "1", "weekly_max": customer_limit}
    now = datetime.fromisoformat(at)
    return tact.decide(
        request(customer, profile=profile, consents=["sms"], time_zone=zone, mode=mode, now=now)  # type: ignore[arg-type]
    )


def allowed_at(answer: DecideResponse | PressureReading) -> datetime:
    """When it says that something may go."""
    return answer.next_allowed_at.ToDatetime(tzinfo=UTC)


def test_every_rule_that_blocks_is_named(tact: Client) -> None:
    """Two contacts in the week, the last an hour ago, and night: all three hold back, each with its own cause."""
    for at in ("2026-03-08T10:00-04:00", "2026-03-10T20:30-04:00"):
        assert ask(tact, "ada", at).outcome == OUTCOME_OFFER
    answer = ask(tact, "ada", "2026-03-10T21:30-04:00")
    assert answer.outcome == OUTCOME_BLOCKED
    assert list(answer.blocked_by) == ["nights", "weekly", "breath"]
    assert [ReasonCode.Name(reason.code).removeprefix("REASON_CODE_") for reason in answer.reasons] == [
        "QUIET",
        "CAPPED",
        "TOO_SOON",
    ]
    # the week begins on Sunday the 15th, in the night
    assert allowed_at(answer) == datetime.fromisoformat("2026-03-15T08:00-04:00")
    assert not answer.pressure
    assert ask(tact, "ada", "2026-03-15T07:59:59-04:00").outcome == OUTCOME_BLOCKED
    assert ask(tact, "ada", "2026-03-15T08:00-04:00").outcome == OUTCOME_OFFER


def test_a_campaign_is_limited_for_a_customer_over_the_whole_month(tact: Client) -> None:
    """Three of March are enough, be the first of them on its first day and the fourth asked for on its last."""
    for at in ("2026-03-01T08:00-05:00", "2026-03-09T10:00-04:00", "2026-03-17T10:00-04:00"):
        assert ask(tact, "bob", at).outcome == OUTCOME_OFFER
    answer = ask(tact, "bob", "2026-03-31T20:59-04:00")
    assert list(answer.blocked_by) == ["news/per_customer"]
    assert allowed_at(answer) == datetime.fromisoformat("2026-04-01T08:00-04:00")


def test_who_wants_nothing_hears_nothing(tact: Client) -> None:
    """A customer limit of 0 blocks for good; one of 1 for the rest of the week."""
    nothing = ask(tact, "cleo", "2026-03-09T10:00-04:00", customer_limit=0)
    assert list(nothing.blocked_by) == ["weekly"]
    assert not nothing.HasField("next_allowed_at")
    assert ask(tact, "cleo", "2026-03-09T10:00-04:00", customer_limit=1).outcome == OUTCOME_OFFER
    answer = ask(tact, "cleo", "2026-03-13T10:00-04:00", customer_limit=1)
    assert list(answer.blocked_by) == ["weekly"]
    assert allowed_at(answer) == datetime.fromisoformat("2026-03-15T08:00-04:00")


def test_a_retry_has_the_same_next_moments(tact: Client) -> None:
    """The moment at which anything may go is in the answer, in its retry letter by letter, in a preview and in Explain."""
    profile = {"phone": "1"}

    def asked(at: str, mode: str = "commit", request_id: str = "") -> DecideRequest:
        now = datetime.fromisoformat(at)
        return request(
            "gus",
            profile=profile,
            consents=["sms"],
            time_zone="UTC",
            mode=mode,
            now=now,
            request_id=request_id,
        )

    tact.decide(asked("2026-03-10T10:00Z"))
    blocked = asked("2026-03-10T22:00Z", request_id="gus-1")
    first = tact.decide(blocked)
    assert first.next_any_at.ToDatetime(tzinfo=UTC) == datetime.fromisoformat("2026-03-12T10:00Z")
    assert first.next_any_at == first.next_allowed_at
    assert tact.decide(blocked).SerializeToString() == first.SerializeToString()
    assert tact.decide(asked("2026-03-10T22:00Z", "preview")).next_any_at == first.next_any_at
    assert tact.explain(asked("2026-03-10T22:00Z")).response.next_any_at == first.next_any_at
    assert tact.explain(first.decision_id).response.next_any_at == first.next_any_at


def test_nobody_is_woken_anywhere_in_the_country(tact: Client) -> None:
    """Of a customer of whom nothing is known, the night lasts until it is over in Hawaii, the last of the book's country."""
    answer = ask(tact, "dora", "2026-03-10T08:30-04:00", zone="")
    assert list(answer.blocked_by) == ["nights"]
    assert allowed_at(answer) == datetime.fromisoformat("2026-03-10T08:00-10:00")
    assert ask(tact, "dora", "2026-03-10T08:00-10:00", zone="").outcome == OUTCOME_OFFER


def test_a_preview_shows_how_every_rule_stands_and_keeps_nothing(tact: Client) -> None:
    """Kind, count, limit, window, zones, verdict and own next moment of each; and the same when asked again."""
    assert ask(tact, "eve", "2026-03-10T10:00-04:00").outcome == OUTCOME_OFFER
    answer = ask(tact, "eve", "2026-03-11T22:00-04:00", "preview", customer_limit=1.5)
    rows = [
        (
            reading.rule,
            PressureKind.Name(reading.kind).removeprefix("PRESSURE_KIND_"),
            (reading.counted, reading.limit) if reading.HasField("counted") else None,
            reading.window,
            list(reading.time_zones),
            reading.blocks,
            allowed_at(reading).isoformat(),
        )
        for reading in answer.pressure
    ]
    zone, now = ["America/New_York"], "2026-03-12T02:00:00+00:00"
    assert rows == [
        ("nights", "QUIET", None, "21:00-08:00", zone, True, "2026-03-12T12:00:00+00:00"),
        ("weekly", "CAP", (1, 1), "calendar week", zone, True, "2026-03-15T04:00:00+00:00"),
        ("news/per_customer", "LIMIT", (1, 3), "calendar month", zone, False, now),
        ("breath", "GAP", (1, 1), "48h", [], True, "2026-03-12T14:00:00+00:00"),
    ]
    assert {(reading.campaign, reading.channel) for reading in answer.pressure} == {("news", "sms")}
    again = ask(tact, "eve", "2026-03-11T22:00-04:00", "preview", customer_limit=1.5)
    assert list(again.pressure) == list(answer.pressure)


def test_an_explanation_shows_the_same(tact: Client) -> None:
    """Each campaign of an explanation has the readings of its proposals, and they are those of a preview."""
    asked = request(
        "finn", profile={"phone": "1"}, consents=["sms"], now=datetime.fromisoformat("2026-03-10T23:00-04:00")
    )
    explained = tact.explain(asked)
    (news,) = explained.campaigns
    assert list(news.pressure) == list(explained.response.pressure)
    assert [reading.rule for reading in news.pressure] == ["nights", "weekly", "news/per_customer", "breath"]
    assert [reading.blocks for reading in news.pressure] == [True, False, False, False]
    assert len(news.pressure[0].time_zones) > 20


def test_moments_beyond_the_calendar(tact: Client) -> None:
    """A `now` at the end of the calendar or before 1970 is refused for its own item; at the bounds decisions are made."""
    moments = ["9999-12-31T23:00:00Z", "9900-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    sound = ["1970-01-01T00:00:00Z", "9899-12-31T23:59:59Z", "2026-03-10T16:00:00Z"]
    messages = [
        request(
            f"moment-{index}", profile={"phone": "1"}, consents=["sms"], now=datetime.fromisoformat(moment)
        )
        for index, moment in enumerate([*moments, *sound])
    ]
    answers = tact.decide_batch(messages)
    for answer in answers[: len(moments)]:
        assert isinstance(answer, Status)
        assert answer.message == "now: must be a moment between the years 1970 and 9899"
    assert all(isinstance(answer, DecideResponse) for answer in answers[len(moments) :])
