"""Conditions on contacts are explained in plain words: what was found, and what is needed."""

from pathlib import Path

import pytest

from engine.conditions.model import AttributeOperand, Operator, Test
from engine.engine import Engine
from engine.explain import ChangeKind, explain, explain_logged
from engine.explain.contacts import ContactsSeen, found_in_words, needs_in_words
from engine.explain.sentences import sentence
from engine.ledger.commit.outcomes import ReportCommand
from engine.model.contact import ContactSelector
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from engine.rulebook.model.derived import ContactCount
from tests.books import compiled_book
from tests.explain.engines import engine_on, stage

NOW = 1_773_108_000_000_000
HOUR = DAY // 24
BOOK = """
book: {name: narrative, timezone: UTC}
attributes: {profile.to: {type: text}}
channels: {sms: {kind: outbound, address: profile.to, consent: not_needed, on_silence: confirm, hold: 1h}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  welcome: {offer: tea, channels: [sms], tier: 1, when: {contact: {campaign: welcome, within: 7d, count: {lt: 2}}}}
  quiz: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, outcome: clicked, within: 7d}}}
  sample: {offer: tea, channels: [sms], when: {none: [{contact: {campaign: welcome}}]}}
"""
WELCOME = ContactSelector(("welcome",))


@pytest.mark.parametrize(
    ("count", "went_out", "number", "words"),
    [
        (ContactCount("n", ContactSelector()), 0, 0, "no contact"),
        (ContactCount("n", WELCOME), 1, 1, "one contact of campaign welcome"),
        (ContactCount("n", WELCOME), 12, 12, "12 contacts of campaign welcome"),
        (
            ContactCount("n", WELCOME, ("clicked",), within=7 * DAY),
            2,
            0,
            "two contacts of campaign welcome in the last 7 days, none clicked",
        ),
        (
            ContactCount("n", WELCOME, ("clicked", "opened"), within=DAY),
            1,
            1,
            "one contact of campaign welcome in the last day, clicked or opened",
        ),
        (
            ContactCount("n", WELCOME, ("none",), after=36 * HOUR),
            3,
            3,
            "three contacts of campaign welcome at least 36 hours ago, all without any outcome",
        ),
        (
            ContactCount(
                "n", ContactSelector(offers=("a", "b"), channels=("sms",)), ("ignored",), 2 * DAY, HOUR
            ),
            3,
            1,
            "three contacts with offer a or b on sms between 1 hour and 2 days ago, one ignored",
        ),
        (
            ContactCount("n", WELCOME, ("impression",), 90 * SECOND),
            0,
            0,
            "no contact of campaign welcome in the last 90 seconds",
        ),
        (
            ContactCount("n", WELCOME, ("contacted", "unsubscribed")),
            1,
            0,
            "one contact of campaign welcome, none made elsewhere or answered by unsubscribing",
        ),
        (
            ContactCount("n", WELCOME, ("bounced", "not_sent"), DAY),
            4,
            2,
            "two contacts of campaign welcome in the last day, bounced or not sent",
        ),
    ],
)
def test_what_was_found(count: ContactCount, went_out: int, number: int, words: str) -> None:
    """How many contacts there are, and how many of them have the outcome; alone where these did not go out."""
    assert found_in_words(ContactsSeen(count, went_out), number) == words


@pytest.mark.parametrize(
    ("operator", "operand", "words"),
    [
        (Operator.GTE, 1, "at least one is needed"),
        (Operator.GT, 1, "at least two are needed"),
        (Operator.LTE, 1, "at most one is allowed"),
        (Operator.LT, 3, "at most two are allowed"),
        (Operator.LT, 1, "none is allowed"),
        (Operator.EQ, 0, "none is allowed"),
        (Operator.EQ, 12, "exactly 12 are needed"),
        (Operator.NE, 1, "exactly one is not allowed"),
        (Operator.BETWEEN, (2, 4), "2 to 4 are needed"),
        (Operator.IN, (2, 4), ""),
        (Operator.GTE, AttributeOperand("profile.n"), ""),
    ],
)
def test_what_is_needed(operator: Operator, operand: object, words: str) -> None:
    """The comparison in words; of a rare one none, which is shown as it is written."""
    assert needs_in_words(Test("n", operator, operand)) == words  # type: ignore[arg-type]


def ann(now: int) -> Request:
    """A customer with an address."""
    return Request("ann", now, {"profile.to": "1"})


async def say(engine: Engine, now: int) -> dict[str, str]:
    """The sentence of each campaign, now."""
    explained = await explain(engine, ann(now), counterfactuals=True)
    return {
        campaign.campaign: sentence(campaign, engine.compiled.book.timezone)
        for campaign in explained.campaigns
    }


async def test_a_narrative_is_explained(tmp_path: Path) -> None:
    """Before a decision and from the log, whatever came later; the change in the same words."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        first = await engine.decide(ann(NOW - 2 * DAY))
        second = await engine.decide(ann(NOW - DAY))
        silent = await say(engine, NOW)
        decision = await engine.decide(ann(NOW))
        logged = await explain_logged(engine, decision.decision_id, counterfactuals=True)
        await report(engine, first, "clicked")
        await report(engine, second, "clicked")
        clicked = await say(engine, NOW + 1)
    assert silent["quiz"] == (
        "quiz does not fit: two contacts of campaign welcome in the last 7 days, none clicked, where at least one is needed."
        " It would be chosen if there were one contact of campaign welcome in the last 7 days, clicked, instead of none."
    )
    assert silent["welcome"].startswith(
        "welcome does not fit: two contacts of campaign welcome in the last 7 days, where at most one is allowed."
    )
    assert silent["sample"].startswith(
        "sample does not fit: two contacts of campaign welcome, which rules it out."
    )
    assert clicked["quiz"].startswith("quiz is chosen")
    by_log = {campaign.campaign: sentence(campaign, compiled.book.timezone) for campaign in logged.campaigns}
    assert by_log["quiz"].startswith(
        "quiz does not fit: two contacts of campaign welcome in the last 7 days, none clicked,"
    )


async def report(engine: Engine, decision: Decision, outcome: str) -> None:
    """Reports the outcome, now."""
    event = Event(f"{decision.decision_id}-{outcome}", outcome, NOW)
    await engine.record([ReportCommand(engine.compiled, "", decision.decision_id, event, NOW)])


WAITS = """
book: {name: waits, timezone: UTC}
attributes: {profile.to: {type: text}, profile.vip: {type: boolean}}
channels: {sms: {kind: outbound, address: profile.to, consent: not_needed, on_silence: confirm, hold: 1h}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  welcome: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, within: 7d, count: {eq: 0}}}}
  ignored:
    offer: tea
    channels: [sms]
    when: {contact: {campaign: welcome, outcome: ignored}, none: [{contact: {campaign: ignored}}]}
  later: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, after: 3d, within: 6d}}}
  never: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, outcome: clicked, after: 3d}}}
  other: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, after: 3d}, profile.vip: true}}
"""


async def test_the_moment_at_which_contacts_are_old_enough(tmp_path: Path) -> None:
    """A window that passes and a wait that is over are told with their moment, which is tried; others are not."""
    compiled = compiled_book(tmp_path / "book", WAITS)
    now = NOW + DAY // 2
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(ann(NOW))
        explained = await explain(engine, ann(now), counterfactuals=True)
        decision = await engine.decide(ann(now))
        logged = await explain_logged(engine, decision.decision_id, counterfactuals=True)
        for campaign in explained.campaigns:
            for counterfactual in campaign.counterfactuals:
                if counterfactual.change.kind is ChangeKind.TIME:
                    at = counterfactual.change.after
                    assert isinstance(at, int)
                    assert await stage(engine, ann(at), campaign.campaign) == counterfactual.then
                    assert await stage(engine, ann(at - 1), campaign.campaign) is None
    moments = {
        campaign.campaign: [
            counterfactual.change.after
            for counterfactual in campaign.counterfactuals
            if counterfactual.change.kind is ChangeKind.TIME
        ]
        for campaign in explained.campaigns
    }
    assert moments == {
        "ignored": [NOW + DAY],
        "later": [NOW + 3 * DAY],
        "never": [],
        "other": [],
        "welcome": [NOW + 7 * DAY],
    }
    texts = {
        campaign.campaign: sentence(campaign, compiled.book.timezone) for campaign in explained.campaigns
    }
    assert texts["ignored"] == (
        "ignored does not fit: one contact of campaign welcome, none ignored, where at least one is needed."
        " It would be chosen at 2026-03-11 02:00:00+00:00."
    )
    kinds = [
        counterfactual.change.kind
        for campaign in logged.campaigns
        for counterfactual in campaign.counterfactuals
    ]
    assert ChangeKind.TIME not in kinds  # the log holds the numbers and not the contacts


SIGNALLED = """
book: {name: signalled, timezone: UTC}
attributes: {profile.to: {type: text}}
channels: {sms: {kind: outbound, address: profile.to, consent: not_needed, on_silence: confirm, hold: 1h}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
signals:
  silent: {when: {contact: {campaign: welcome, outcome: ignored, after: 2d}}}
  weary: {when: {signal: silent, none: [{contact: {campaign: ended}}]}}
  fresh: {when: {contact: {campaign: welcome, within: 3d}}, hold: 1h}
  open: {when: {profile.to: {exists: true}}, until: {contact: {campaign: welcome, within: 5d}}, hold: 30d}
audiences:
  quiet: {contact: {campaign: welcome, outcome: ignored}}
campaigns:
  welcome: {offer: tea, channels: [sms], tier: 1, when: {none: [{contact: {campaign: welcome}}]}}
  by-signal: {offer: tea, channels: [sms], when: {signal: silent}}
  by-two: {offer: tea, channels: [sms], when: {signal: weary}}
  by-none: {offer: tea, channels: [sms], when: {none: [{signal: fresh}]}}
  by-until: {offer: tea, channels: [sms], when: {signal: open}}
  by-audience: {offer: tea, channels: [sms], when: {audience: quiet}}
  ended: {offer: tea, channels: [sms], when: {contact: {campaign: welcome, outcome: clicked}}}
"""


async def test_the_moment_behind_signals_and_audiences(tmp_path: Path) -> None:
    """Contacts that a signal, another behind it, its end or an audience counts: the moment is tried, and none is before it."""
    compiled = compiled_book(tmp_path / "book", SIGNALLED)
    now = NOW + DAY // 2
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(ann(NOW))
        explained = await explain(engine, ann(now), counterfactuals=True)
        moments = {
            campaign.campaign: counterfactual.change.after
            for campaign in explained.campaigns
            for counterfactual in campaign.counterfactuals
            if counterfactual.change.kind is ChangeKind.TIME
        }
        for name, at in moments.items():
            assert isinstance(at, int)
            assert await stage(engine, ann(at - 1), name) is None
            assert await stage(engine, ann(at), name) is not None
    assert moments == {
        "by-signal": NOW + 2 * DAY,
        "by-two": NOW + 2 * DAY,
        "by-none": NOW + 3 * DAY,
        "by-until": NOW + 5 * DAY,
        "by-audience": NOW + DAY,
    }
