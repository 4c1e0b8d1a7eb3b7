"""The earliest moment at which anything may go, against a walk through the moments that follow."""

import random
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.decide.arbitrate.moments import BlockedProposal, next_any
from engine.decide.arbitrate.schedule import Clocks
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.pressure.rule import HORIZON
from engine.decide.select import Selection, select
from engine.model.contact import Contact, Facts
from engine.model.decision import Outcome
from engine.model.instant import DAY, SECOND, Instant, from_datetime
from engine.model.request import Request
from engine.rulebook.model.book import Active
from tests.books import compiled_book
from tests.decide.pressure import strategies
from tests.decide.pressure.test_against_reference import Situation

MINUTE = 60 * SECOND
BOOK = """
book: {name: many, timezone: Europe/Paris}
attributes: {profile.phone: {type: text}, profile.mail: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: ads, on_silence: confirm}
  mail: {kind: outbound, address: profile.mail, consent: ads, on_silence: confirm}
offers:
  gold: {name: Gold, content: {default: {text: Gold}}}
  tea: {name: Tea, content: {default: {text: Tea}}}
campaigns:
  best: {offer: gold, tier: 2, channels: [sms, mail], limits: {per_customer: {limit: 1, per: calendar month}}}
  lunch: {offer: tea, tier: 1, channels: [sms], active: {hours: "12:00-13:30", days: [mon, wed, fri]}}
  spring: {offer: tea, channels: [mail], active: {until: 2026-03-20}}
pressure:
  quiet: {nights: {channel: sms, from: "21:00", until: "08:00"}}
  caps:
    sms-weekly: {limit: 2, per: rolling 7d, count: {channel: sms}}
    mail-daily: {limit: 1, per: calendar day, count: {channel: mail}}
  gaps: {breath: {at_least: 6h, count: {kind: outbound}}}
"""
PAGE = """
book: {name: page, timezone: Europe/Paris}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web, fallback: story}}
offers:
  gold: {name: Gold, content: {default: {text: Gold}}}
  tea: {name: Tea, content: {default: {text: Tea}}}
  story: {name: Story, content: {default: {text: Story}}}
campaigns:
  best: {offer: gold, tier: 2, placements: [hero], limits: {per_customer: {limit: 1, per: rolling 7d}}}
  daily: {offer: tea, placements: [hero], limits: {per_customer: {limit: 1, per: calendar day}}}
"""
BEGIN = from_datetime(datetime.fromisoformat("2026-03-10T00:00+01:00"))
STEP = 15 * MINUTE
"""All that the book and the contacts say changes at quarters of an hour."""
WALK = 25 * DAY
SCHEDULES = (
    Active(),
    Active(hours=(time(9), time(17))),
    Active(hours=(time(22), time(2)), days=frozenset({4, 5})),
    Active(end=from_datetime(datetime.fromisoformat("2026-03-30T00:00Z"))),
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path_factory.mktemp("many"), BOOK)


@pytest.fixture(scope="module")
def without_lunch(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The book without the campaign that runs on some days only."""
    lines = (line for line in BOOK.splitlines() if "lunch:" not in line)
    return compiled_book(tmp_path_factory.mktemp("fewer"), "\n".join(lines))


def selected(compiled: CompiledBook, history: list[Contact], now: Instant) -> Selection:
    """What is selected at a moment for a customer with these contacts."""
    attributes = {"profile.phone": "1", "profile.mail": "a@example.org"}
    request = Request("ann", now, attributes, consents=frozenset({"ads"}))
    return select(evaluate(compiled, request), history, "ann")


def random_contact(chance: random.Random, now: Instant) -> Contact:
    """A contact of the weeks before, held for some hours or confirmed."""
    at = now - STEP * chance.randrange(1, 10 * 96)
    expires_at = at + STEP * chance.randrange(1, 200) if chance.random() < 0.3 else None
    campaign, channel = chance.choice(
        (("best", "sms"), ("best", "mail"), ("lunch", "sms"), ("spring", "mail"))
    )
    offer = "gold" if campaign == "best" else "tea"
    return Contact(at, expires_at, Facts(channel, "outbound", campaign, offer, "commercial", frozenset()))


@pytest.mark.parametrize("seed", range(40))
def test_it_is_the_first_moment_at_which_something_goes(
    compiled: CompiledBook, without_lunch: CompiledBook, seed: int
) -> None:
    """Of three campaigns on two channels: decided at every quarter of an hour that follows, the first offer comes then."""
    chance = random.Random(seed)
    blocked = 0
    while not blocked:
        now = BEGIN + STEP * chance.randrange(15 * 96)
        history = [random_contact(chance, now) for _ in range(chance.randrange(1, 8))]
        selection = selected(compiled, history, now)
        blocked = selection.outcome is Outcome.BLOCKED
    eligible = {tried.candidate.compiled_campaign.campaign.name for tried in selection.tried}
    walked = (
        compiled if "lunch" in eligible else without_lunch
    )  # what is no candidate now is no candidate later
    moments = range(now, now + WALK, STEP)
    first = next((at for at in moments if selected(walked, history, at).outcome is Outcome.OFFER), None)
    assert selection.next_any_at == first


def test_the_best_campaign_and_the_first_one(compiled: CompiledBook) -> None:
    """The best one is capped for the month, the other for the day: the two moments differ."""
    noon = from_datetime(datetime.fromisoformat("2026-03-10T12:00+01:00"))
    history = [
        Contact(noon - 7 * 3600 * SECOND, None, Facts("mail", "outbound", "best", "gold", "", frozenset()))
    ]
    selection = selected(compiled, history, noon + DAY // 4)
    assert selection.outcome is Outcome.BLOCKED
    assert selection.next_allowed_at == from_datetime(datetime.fromisoformat("2026-04-01T08:00+02:00"))
    assert selection.next_any_at == from_datetime(datetime.fromisoformat("2026-03-11T00:00+01:00"))


def test_a_campaign_that_is_over_by_then_does_not_count(compiled: CompiledBook) -> None:
    """The mail of the last day would pass the cap of the next day, but its campaign has ended."""
    evening = from_datetime(datetime.fromisoformat("2026-03-20T22:00+01:00"))
    facts = Facts("mail", "outbound", "spring", "tea", "", frozenset())
    history = [
        Contact(evening - DAY // 2, None, facts),
        Contact(evening - DAY // 2, None, facts._replace(campaign="best")),
    ]
    selection = selected(compiled, history, evening)
    assert selection.outcome is Outcome.BLOCKED
    assert selection.next_any_at == from_datetime(datetime.fromisoformat("2026-04-01T00:00+02:00"))


def test_a_fallback_has_the_moment_too(tmp_path: Path) -> None:
    """On a page whose best campaign is capped for the week and the other for the day, the fallback says when both are."""
    compiled = compiled_book(tmp_path / "book", PAGE)
    now = BEGIN + 10 * 3600 * SECOND
    history = [
        Contact(now - DAY - 3600 * SECOND, None, Facts("web", "inbound", "best", "gold", "", frozenset())),
        Contact(now - 3600 * SECOND, None, Facts("web", "inbound", "daily", "tea", "", frozenset())),
    ]
    selection = select(evaluate(compiled, Request("ann", now, {}, placement="hero")), history, "ann")
    assert (selection.outcome, selection.shows_fallback) == (Outcome.FALLBACK, True)
    assert selection.next_allowed_at == now + 6 * DAY - 3600 * SECOND
    assert selection.next_any_at == BEGIN + DAY


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.randoms(use_true_random=False))
def test_any_proposals_against_the_reference(data: st.DataObject, chance: random.Random) -> None:
    """At the moment some proposal passes the reference's rules while it runs; at none of the moments tried before does any."""
    now = data.draw(strategies.moments)
    shared = (
        data.draw(strategies.policies),
        data.draw(strategies.histories(now)),
        data.draw(strategies.customer_limits),
        data.draw(strategies.zones),
        data.draw(strategies.plausible),
        data.draw(strategies.outcomes(now)),
    )
    policies, history, limits, zone, zones, outcomes = shared
    waiting: list[tuple[Situation, tuple[Active, ...]]] = []
    for facts in data.draw(st.lists(strategies.facts, min_size=1, max_size=3)):
        situation = Situation(policies, facts, history, limits, zone, zones, now, outcomes)
        if situation.blocking:
            waiting.append((situation, (data.draw(st.sampled_from(SCHEDULES)),)))
    proposals = [BlockedProposal(situation.rule_results, schedules) for situation, schedules in waiting]
    first = next_any(proposals, now, zone, {})

    def passes(at: Instant) -> bool:
        return any(
            not situation.blockers(at) and Clocks(at, zone, {}).run(schedules)
            for situation, schedules in waiting
        )

    end = now + HORIZON if first is None else first
    assert first is None or passes(first)
    between = [now + chance.randrange(end - now) for _ in range(40)]
    between += [
        *range(now, min(end, now + 2 * DAY), 17 * MINUTE),
        *([end - 1, end - SECOND] if end > now + SECOND else ()),
    ]
    assert [at for at in between if now <= at < end and passes(at)] == []


def test_hours_and_nights_that_never_meet_end_the_search(tmp_path: Path) -> None:
    """A campaign of the night on a channel that is quiet at night has no next moment."""
    compiled = compiled_book(
        tmp_path / "book", BOOK.replace('"12:00-13:30", days: [mon, wed, fri]', '"22:00-23:00"')
    )
    now = from_datetime(datetime.fromisoformat("2026-03-25T22:15+01:00"))
    facts = Facts("mail", "outbound", "best", "gold", "commercial", frozenset())
    selection = selected(compiled, [Contact(now - 3600 * SECOND, None, facts)], now)
    lunch = [tried for tried in selection.tried if tried.candidate.compiled_campaign.campaign.name == "lunch"]
    proposals = [BlockedProposal(lunch[0].read[0].rule_results, lunch[0].candidate.compiled_campaign.active)]
    assert next_any(proposals, now, ZoneInfo("Europe/Paris"), {}) is None


NEVER = """
book: {name: never, timezone: UTC}
attributes: {profile.mail: {type: text}}
channels: {mail: {kind: outbound, address: profile.mail, consent: not_needed}}
offers: {tea: {name: Tea, content: {default: {subject: Tea}}}}
campaigns:
  never: {offer: tea, tier: 2, channels: [mail], active: {hours: "07:00-08:00"}}
  later: {offer: tea, channels: [mail], active: {days: [fri, sat], hours: "07:00-10:00"}}
pressure:
  gaps: {breath: {at_least: 30h, count: {campaign: later}}}
  quiet: {nights: {from: "20:00", until: "09:00"}}
"""


def test_a_campaign_that_never_goes_hides_no_other(tmp_path: Path) -> None:
    """Its schedule and its quiet hours never meet; the other one goes next Friday, after its gap and when it runs."""
    friday, saturday, next_friday = (
        from_datetime(datetime.fromisoformat(text))
        for text in ("2026-03-06T09:30Z", "2026-03-07T07:30Z", "2026-03-13T09:00Z")
    )
    compiled = compiled_book(tmp_path, NEVER)

    def selected(now: Instant, history: list[Contact]) -> Selection:
        attributes = {"profile.mail": "a@example.com"}
        return select(evaluate(compiled, Request("ann", now, attributes)), history, "ann")

    sent = [contact for _, contact, _ in selected(friday, []).chosen]
    assert [contact.facts.campaign for contact in sent] == ["later"]
    assert selected(saturday, sent).next_any_at == next_friday
