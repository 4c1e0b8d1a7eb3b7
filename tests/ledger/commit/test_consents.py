"""Consents that customers withdraw: at once, for every later decision, whatever callers send; on both stores."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.pressure.consent import consents_after, stricter, withdrawn_since
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordResult
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.commit.replay import logged_state_of
from engine.ledger.queries.decisions import decision_of
from engine.ledger.store.store import Store
from engine.model.customer import EVERYTHING, Consent, Consents
from engine.model.decision import Decision, Outcome, Reason, ReasonCode, RuleKind
from engine.model.event import Event
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: consents, timezone: UTC}
attributes: {profile.to: {type: text}}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.to, consent: ads, on_silence: confirm}
  mail: {kind: outbound, address: profile.to, consent: ads, on_silence: confirm}
  call: {kind: outbound, address: profile.to, consent: calls, on_silence: confirm}
  post: {kind: outbound, address: profile.to, consent: not_needed, on_silence: confirm}
placements: {page: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms, mail, call, post], placements: [page]}}
"""
CHANNELS = ("sms", "mail", "call", "post")
events = count()


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def decide(
    compiled: CompiledBook,
    store: Store,
    name: str,
    *channels: str,
    mode: Mode = Mode.COMMIT,
    aliases: tuple[str, ...] = (),
) -> Decision:
    """The decision, for somebody who has agreed to everything as far as the caller knows."""
    request = Request(
        name,
        NOW + next(events),
        {"profile.to": "1"},
        consents=frozenset(("ads", "calls")),
        channels=channels,
        mode=mode,
        aliases=aliases,
    )
    (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(answer, Decision)
    return answer


def tell(compiled: CompiledBook, store: Store, kind: str, at: int = NOW, **over: object) -> None:
    """The customer unsubscribes, or subscribes."""
    one = ReportCommand(compiled, "ann", "", Event(f"e-{next(events)}", kind, at, {}), NOW)
    assert commit_group(store, [replace(one, **over)]) == [RecordResult.ACCEPTED]  # type: ignore[arg-type]


def reached(compiled: CompiledBook, store: Store, name: str = "ann") -> set[str]:
    """The channels on which something may go to the customer."""
    return {one for one in CHANNELS if decide(compiled, store, name, one).outcome is Outcome.OFFER}


def test_an_unsubscribe_bars_its_purpose(compiled: CompiledBook, store: Store) -> None:
    """What was sent by SMS and unsubscribed from bars all channels of that purpose, and no other."""
    sent = decide(compiled, store, "ann", "sms")
    tell(compiled, store, "unsubscribed", customer="", decision_id=sent.decision_id)
    assert reached(compiled, store) == {"call", "post"}
    assert reached(compiled, store, "zoe") == set(CHANNELS)


@pytest.mark.parametrize(
    ("channel", "left"),
    [
        ("mail", {"call", "post"}),
        ("call", {"sms", "mail", "post"}),
        ("post", {"sms", "mail", "call"}),
        ("web", set()),
        ("", set()),
    ],
)
def test_the_channel_that_is_named_says_of_what(
    compiled: CompiledBook, store: Store, channel: str, left: set[str]
) -> None:
    """Its purpose, or the channel alone where none is needed; everything we send where nobody says, or on a page."""
    tell(compiled, store, "unsubscribed", channel=channel)
    assert reached(compiled, store) == left


ON_PAGES = """
book: {name: pages, timezone: UTC}
channels:
  web: {kind: inbound, consent: profiling}
  app: {kind: inbound}
placements: {page: {channel: web, fallback: plain}, screen: {channel: app}}
offers:
  tea: {name: Tea, content: {default: {text: Tea}}}
  plain: {name: Plain, content: {default: {text: Plain}}}
campaigns: {tea: {offer: tea, placements: [page, screen]}}
"""


@pytest.mark.parametrize("channel", ["web", ""])
def test_a_withdrawal_holds_on_pages_that_need_consent(store: Store, tmp_path: Path, channel: str) -> None:
    """The placement shows its fallback, whatever the call says; a page that needs no consent shows what it did."""
    compiled = compiled_book(tmp_path / "pages", ON_PAGES)

    def shown(placement: str) -> Outcome:
        request = Request("ann", NOW + next(events), {}, frozenset(("profiling",)), placement=placement)
        (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
        assert isinstance(answer, Decision)
        return answer.outcome

    assert (shown("page"), shown("screen")) == (Outcome.OFFER, Outcome.OFFER)
    tell(compiled, store, "unsubscribed", channel=channel)
    assert (shown("page"), shown("screen")) == (Outcome.FALLBACK, Outcome.OFFER)
    tell(compiled, store, "subscribed", NOW + 1, channel=channel)
    assert shown("page") is Outcome.OFFER


@pytest.mark.parametrize("consent", ["offers", "not_needed"])
def test_a_withdrawal_outlasts_the_name_of_its_purpose(
    compiled: CompiledBook, store: Store, tmp_path: Path, consent: str
) -> None:
    """By a book that names another purpose, or none, it holds on the channels that had it, and is restored there."""
    renamed = compiled_book(tmp_path / "renamed", BOOK.replace("consent: ads", f"consent: {consent}"))
    tell(compiled, store, "unsubscribed", NOW, channel="sms")
    assert reached(compiled, store) == {"call", "post"}
    assert renamed_reached(renamed, store) == {"call", "post"}
    (outcome,) = decide(renamed, store, "ann", "mail", mode=Mode.PREVIEW).candidate_outcomes
    assert outcome.reason == Reason(ReasonCode.NO_CONSENT, "mail")
    tell(renamed, store, "subscribed", NOW + 5, channel="sms")
    assert renamed_reached(renamed, store) == (
        {"sms", "mail", "call", "post"} if consent == "offers" else {"sms", "call", "post"}
    )
    assert reached(compiled, store) == {"call", "post"}  # the purpose was not restored by its own name


def renamed_reached(compiled: CompiledBook, store: Store) -> set[str]:
    """The channels on which something may go to a customer who has agreed to the new purpose as well."""
    channels = set()
    for channel in CHANNELS:
        consents = frozenset(("ads", "calls", "offers"))
        request = Request(
            "ann", NOW + next(events), {"profile.to": "1"}, consents=consents, channels=(channel,)
        )
        (answer,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
        assert isinstance(answer, Decision)
        channels |= {offer.channel for offer in answer.offers}
    return channels


def test_a_page_is_still_answered(compiled: CompiledBook, store: Store) -> None:
    """Who wants no messages still comes to us."""
    tell(compiled, store, "unsubscribed")
    (answer,) = commit_group(
        store, [DecideCommand(evaluate(compiled, Request("ann", NOW, {}, placement="page")))]
    )
    assert isinstance(answer, Decision)
    assert answer.outcome is Outcome.OFFER


def test_subscribing_brings_it_back(compiled: CompiledBook, store: Store) -> None:
    """The later of the two holds, by the moment at which it was said; a tie is withdrawn."""
    tell(compiled, store, "unsubscribed", NOW + 10)
    tell(compiled, store, "subscribed", NOW + 10, channel="sms")
    assert reached(compiled, store) == set()
    tell(compiled, store, "subscribed", NOW + 11, channel="sms")
    assert reached(compiled, store) == {"sms", "mail"}
    tell(compiled, store, "unsubscribed", NOW + 5, channel="sms")
    assert reached(compiled, store) == {"sms", "mail"}
    tell(compiled, store, "subscribed", NOW + 12)
    assert reached(compiled, store) == set(CHANNELS)


def test_why_is_told_and_logged(compiled: CompiledBook, store: Store, any_log: Log) -> None:
    """The reason is NO_CONSENT; a preview shows the purpose and since when; the log has what was said."""
    tell(compiled, store, "unsubscribed", NOW, channel="sms")
    decision = decide(compiled, store, "ann", "sms", "mail")
    assert (decision.outcome, decision.blocked_by, decision.next_allowed_at) == (Outcome.BLOCKED, (), None)
    assert decision.reasons == (
        Reason(ReasonCode.NO_CONSENT, "sms"),
        Reason(ReasonCode.NO_CONSENT, "mail"),
    )
    (fate,) = decide(compiled, store, "ann", "sms", mode=Mode.PREVIEW).candidate_outcomes
    (reading,) = fate.readings
    assert (reading.kind, reading.rule, reading.channel) == (RuleKind.CONSENT, "ads", "sms")
    assert reading.window == "withdrawn 2026-03-10T02:00:00+00:00"
    with store.transaction(writes=False):
        row = decision_of(store, decision.decision_id)
    assert row is not None
    withdrawn = Consent(NOW, None)
    assert logged_state_of(row, compiled).customer_state.consents == {
        "ads": withdrawn,
        "channel:mail": withdrawn,
        "channel:sms": withdrawn,
    }


def test_another_channel_goes_when_one_is_barred(compiled: CompiledBook, store: Store) -> None:
    """The next channel of the campaign is tried, and the reasons name the one that was not wanted."""
    tell(compiled, store, "unsubscribed", channel="sms")
    decision = decide(compiled, store, "ann")
    assert [one.channel for one in decision.offers] == ["call"]
    assert Reason(ReasonCode.NO_CONSENT, "sms") in decision.reasons


def test_linking_keeps_the_stricter(compiled: CompiledBook, store: Store) -> None:
    """Who unsubscribed under one name has done so under all of them; a preview of unlinked names knows it as well."""
    tell(compiled, store, "unsubscribed", NOW, channel="call")
    tell(compiled, store, "subscribed", NOW + 5, customer="zoe")
    preview = decide(compiled, store, "zoe", "call", mode=Mode.PREVIEW, aliases=("ann",))
    assert preview.outcome is Outcome.BLOCKED
    commit_group(store, [LinkCommand(("ann", "zoe"), NOW)])
    assert reached(compiled, store, "zoe") == {"sms", "mail", "post"}


WORDS = st.lists(
    st.tuples(st.sampled_from(("ads", "calls", EVERYTHING)), st.integers(0, 4), st.booleans()), max_size=6
)
PURPOSES = ("ads", "calls", "other")


def _consents(words: list[tuple[str, int, bool]]) -> Consents:
    found: Consents = {}
    for purpose, at, agrees in words:
        found = consents_after(found, purpose, at, agrees=agrees)
    return found


@given(WORDS, st.randoms(use_true_random=False))
def test_the_order_in_which_word_comes_does_not_matter(
    words: list[tuple[str, int, bool]], chance: object
) -> None:
    """The same words in any order, and again, leave the same consents, which are those of the latest word."""
    shuffled = [*words, *words]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    found = _consents(shuffled)
    assert found == _consents(words)
    for purpose in PURPOSES:
        about = [(at, not agrees) for name, at, agrees in words if name in (purpose, EVERYTHING)]
        assert (withdrawn_since(found, purpose) is not None) is (bool(about) and max(about)[1])


@given(st.lists(WORDS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_stricter_wins_and_nothing_else(
    several: list[list[tuple[str, int, bool]]], chance: object
) -> None:
    """Joined in any order, one by one, a purpose is barred exactly where it was for one of them."""
    each = [_consents(words) for words in several]
    wanted = [any(withdrawn_since(one, purpose) is not None for one in each) for purpose in PURPOSES]
    chance.shuffle(each)  # type: ignore[attr-defined]
    joined: Consents = each[0]
    for one in each[1:]:
        joined = stricter([joined, one])
    for found in (joined, stricter(each)):
        assert [withdrawn_since(found, purpose) is not None for purpose in PURPOSES] == wanted
