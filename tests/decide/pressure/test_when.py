"""Pressure rules for some customers only, and holidays of the customer's country."""

import json
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from engine.client import Client, request
from engine.conditions.evaluate import holds
from engine.decide.attributes.zones import by_country, countries_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.model.decision import Decision, Outcome, RuleReading
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, Instant
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.model.policies import CUSTOMER_COUNTRY, Holidays, Quiet
from tests.books import compiled_book, write_book
from tests.decide.pressure.rules import look, rules
from tests.explain.engines import engine_on
from tests.logs import Log
from tests.replays import assert_replays
from tests.servers import serving

HOUR = 3600 * SECOND
NOTHING: Mapping[str, Value] = {}
NOW = 1_773_136_800_000_000  # 2026-03-10T10:00Z, a Tuesday
BOOK = """
book: {name: some, timezone: UTC}
attributes:
  profile.to: {type: text}
  profile.tier: {type: text, one_of: [bronze, gold]}
  profile.weekly: {type: integer}
channels: {sms: {kind: outbound, address: profile.to, consent: not_needed}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms]}}
audiences: {gold: {profile.tier: gold}}
signals: {weary: {when: {behaviour: {event: sighed, within: 7d, count: {gte: 1}}}, hold: 2d}}
events: {stored: true}
pressure:
  caps:
    gold-weekly: {limit: 3, per: rolling 7d, when: {audience: gold}}
    others-weekly: {limit: 1, per: rolling 7d, when: {none: [{audience: gold}]}}
  gaps:
    weary: {at_least: 72h, when: {signal: weary}}
  quiet:
    mornings: {from: "06:00", until: "12:00", when: {profile.tier: bronze, profile.weekly: {lt: 3}}}
  pauses:
    ignored: {outcome: ignored, for: 30d, when: {location.country: FR}}
"""
OF_BOOK = {"gold-weekly", "others-weekly", "weary", "mornings", "ignored"}


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def read(decision: Decision) -> dict[str, RuleReading]:
    """What the rules read for the campaign, by rule."""
    return {reading.rule: reading for reading in decision.candidate_outcomes[0].readings}


def ask(
    compiled: CompiledBook,
    log: Log,
    now: Instant,
    mode: Mode = Mode.COMMIT,
    attributes: Mapping[str, Value] = NOTHING,
    **of_profile: Value,
) -> Decision:
    """The decision for ann, with these attributes of her profile."""
    given = {
        f"profile.{name}" if "." not in name else name: value
        for name, value in {**attributes, **of_profile}.items()
    }
    asked = Request("ann", now, {"profile.to": "1", **given}, mode=mode)
    store = open_store(log.url)
    (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, asked))])
    store.close()
    assert isinstance(decision, Decision)
    return decision


def test_a_rule_for_others_does_not_block_and_is_not_read(compiled: CompiledBook, any_log: Log) -> None:
    """Gold gets three a week, others one; whoever sends no tier is one of the others."""
    read_of = {
        tier: set(read(ask(compiled, any_log, NOW, Mode.PREVIEW, attributes)))
        for tier, attributes in (("gold", {"tier": "gold"}), ("bronze", {"tier": "bronze"}), ("none", {}))
    }
    assert read_of == {"gold": {"gold-weekly"}, "bronze": {"others-weekly"}, "none": {"others-weekly"}}
    for hour in range(3):
        assert ask(compiled, any_log, NOW + hour * HOUR, tier="gold").outcome is Outcome.OFFER
    fourth = ask(compiled, any_log, NOW + 3 * HOUR, tier="gold")
    assert (fourth.outcome, fourth.blocked_by, fourth.next_allowed_at) == (
        Outcome.BLOCKED,
        ("gold-weekly",),
        NOW + 7 * DAY,
    )
    # contacts count whichever rule held when they were made
    assert ask(compiled, any_log, NOW + 4 * HOUR, tier="bronze").blocked_by == ("others-weekly",)
    assert ask(compiled, any_log, NOW + 4 * HOUR).next_allowed_at == NOW + 2 * HOUR + 7 * DAY
    assert_replays(any_log.url)


def test_what_the_conditions_test_is_in_the_log(compiled: CompiledBook, any_log: Log) -> None:
    """Attributes that only a rule tests are logged with the decision, so that it can be made again."""
    ask(compiled, any_log, NOW, attributes={"tier": "bronze", "weekly": 1, "location.country": "FR"})
    ((inputs,),) = any_log.rows("select inputs from decisions")
    logged = json.loads(inputs)["attributes"]
    assert (logged["profile.tier"], logged["profile.weekly"], logged["location.country"]) == (
        "bronze",
        1,
        "FR",
    )
    ((trace,),) = any_log.rows("select trace from decisions")
    assert {row[0] for row in json.loads(trace)["counters"]} == {"mornings", "others-weekly", "ignored"}
    assert_replays(any_log.url)


def test_every_rule_holds_exactly_where_its_condition_does(compiled: CompiledBook, any_log: Log) -> None:
    """For every combination of values, the rules that are read are those whose conditions hold."""
    for tier in ("gold", "bronze", None):
        for weekly in (2, 3, None):
            for country in ("FR", "DE", None):
                given: dict[str, Value | None] = {"tier": tier, "weekly": weekly, "location.country": country}
                attributes: dict[str, Value] = {
                    name: value for name, value in given.items() if value is not None
                }
                decision = ask(compiled, any_log, NOW, Mode.PREVIEW, attributes)
                asked = Request(
                    "ann",
                    NOW,
                    {
                        f"profile.{name}" if "." not in name else name: value
                        for name, value in attributes.items()
                    },
                )
                evaluation = evaluate(compiled, asked)
                holding = {
                    name
                    for name, when in compiled.pressure.conditions.items()
                    if holds(when, evaluation.request.attributes, evaluation.moment)
                }
                assert set(read(decision)) == holding
    assert set(compiled.pressure.conditions) == OF_BOOK


def test_explanations_say_to_whom_a_rule_applies(compiled: CompiledBook, any_log: Log) -> None:
    """In the reading, and in the sentence."""
    ask(compiled, any_log, NOW, tier="gold")
    blocked = ask(compiled, any_log, NOW + HOUR, Mode.PREVIEW, tier="bronze", weekly=1)
    readings = read(blocked)
    assert readings["others-weekly"].applies_to == "none of (audience gold)"
    assert readings["mornings"].applies_to == "profile.tier eq bronze and profile.weekly lt 3"


HOLIDAYS = Quiet("off", holidays=Holidays(CUSTOMER_COUNTRY))
PARIS, BERLIN = ZoneInfo("Europe/Paris"), ZoneInfo("Europe/Berlin")
BASTILLE_DAY, UNITY_DAY, NEW_YEAR = 1_784_023_200_000_000, 1_791_021_600_000_000, 1_767_261_600_000_000
"""2026-07-14, 2026-10-03 and 2026-01-01, each at 10:00 UTC."""


@pytest.mark.parametrize(
    ("day", "country", "zone", "blocks"),
    [
        (BASTILLE_DAY, "FR", PARIS, True),
        (BASTILLE_DAY, "fr", PARIS, True),
        (BASTILLE_DAY, "DE", BERLIN, False),
        (BASTILLE_DAY, "DE", PARIS, False),  # the country is stated; the clock is another matter
        (UNITY_DAY, "DE", BERLIN, True),
        (UNITY_DAY, "FR", PARIS, False),
        (BASTILLE_DAY, None, PARIS, True),  # not stated: the country of the zone
        (UNITY_DAY, None, BERLIN, True),
        (BASTILLE_DAY, "XX", PARIS, True),  # no country: as if it was not stated
        (NEW_YEAR, None, ZoneInfo("UTC"), False),  # a zone of no country
    ],
)
def test_the_customers_country_chooses_the_holidays(
    day: Instant, country: str | None, zone: ZoneInfo, blocks: bool
) -> None:
    """By the stated country, else by that of the zones in which the customer may be."""
    (rule,) = rules(HOLIDAYS)
    attributes: dict[str, Value] = {} if country is None else {"location.country": country}
    assert look(rule, day, attributes=attributes, zones=(zone,)).blocks is blocks


def test_of_several_plausible_countries_each_holiday_is_quiet() -> None:
    """A customer who may be in either zone is left in peace on the holidays of both; the next moment is after them."""
    (rule,) = rules(HOLIDAYS)
    for day in (BASTILLE_DAY, UNITY_DAY):
        rule_result = look(rule, day, zones=(PARIS, BERLIN))
        assert rule_result.blocks
        assert rule_result.next_allowed_at == day // DAY * DAY + 22 * HOUR  # midnight in summer time
        assert rule_result.rule.opens(rule_result, day, day + 2 * DAY) == rule_result.next_allowed_at
    assert rule_result.rule.window == "all day on holidays of DE and FR"


def test_every_zone_of_a_country_names_it() -> None:
    """So that nothing known of a customer gives the same country as the clock."""
    for country, zones in by_country().items():
        assert country in countries_of({}, zones)


def test_the_contract_and_sentences_say_to_whom_a_rule_applies(tmp_path: Path) -> None:
    """Over the network, in the readings of an explanation and in its sentences; and what would lift it."""
    book, profile = write_book(tmp_path / "book", BOOK), {"to": "1", "tier": "bronze"}
    with serving(book, tmp_path / "tact.db") as server, Client(server.target, timeout=60) as client:
        client.decide(request("ann", profile=profile))
        explained = client.explain(request("ann", profile=profile))
    (campaign,) = explained.campaigns
    assert [(reading.rule, reading.applies_to) for reading in campaign.pressure] == [
        ("others-weekly", "none of (audience gold)")
    ]
    assert "1 of 1 in rolling 7d, applies to customers with none of (audience gold)" in campaign.sentence
    flips = [flip.sentence for flip in campaign.flips]
    assert "It would be chosen if profile.tier were gold instead of bronze." in flips


async def test_a_remembered_signal_may_be_the_condition(compiled: CompiledBook, tmp_path: Path) -> None:
    """Concluded from the events of a call or remembered from an earlier one; when it is forgotten the rule holds no more."""
    with engine_on(compiled, tmp_path / "tact.db") as engine:

        async def decide(now: Instant, *events: Event) -> Decision:
            attributes = {"profile.to": "1", "profile.tier": "gold"}
            return await engine.decide(Request("ann", now, attributes, events=events))

        assert (await decide(NOW)).outcome is Outcome.OFFER
        assert (await decide(NOW + HOUR)).outcome is Outcome.OFFER
        weary = await decide(NOW + 2 * HOUR, Event("e-1", "sighed", NOW + 2 * HOUR, {}))
        assert (weary.blocked_by, weary.next_allowed_at) == (("weary",), NOW + 73 * HOUR)
        assert (await decide(NOW + 20 * HOUR)).blocked_by == ("weary",)
        assert (await decide(NOW + 50 * HOUR)).outcome is Outcome.OFFER
    assert_replays(f"sqlite:///{tmp_path / 'tact.db'}")
