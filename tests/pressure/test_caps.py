"""Caps over rolling windows, against a checker written apart from them."""

from hypothesis import given
from hypothesis import strategies as st

from engine.pressure.caps import Caps
from engine.pressure.contact import Contact, Facts, selects
from engine.rulebook.model import Cap, Kind, Selector

HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000

facts = st.builds(
    Facts,
    channel=st.sampled_from(["sms", "wechat", "web"]),
    kind=st.sampled_from([Kind.OUTBOUND, Kind.INBOUND]),
    campaign=st.sampled_from(["a", "b"]),
    offer=st.sampled_from(["x", "y"]),
    category=st.sampled_from(["commercial", "service"]),
    tags=st.frozensets(st.sampled_from(["t", "u"])),
)
contacts = st.builds(
    Contact,
    at=st.integers(-200, 2).map(lambda hours: NOW + hours * HOUR),
    expires_at=st.none() | st.integers(-200, 48).map(lambda hours: NOW + hours * HOUR),
    facts=facts,
)
selectors = st.builds(
    Selector,
    channel=st.frozensets(st.sampled_from(["sms", "wechat", "web"]), max_size=2),
    kind=st.frozensets(st.sampled_from(list(Kind)), max_size=1),
    campaign=st.frozensets(st.sampled_from(["a", "b"]), max_size=1),
    category=st.frozensets(st.sampled_from(["commercial", "service"]), max_size=1),
    tag=st.frozensets(st.sampled_from(["t", "u"]), max_size=1),
)
caps = st.builds(
    Cap,
    name=st.just("cap"),
    limit=st.integers(1, 4),
    window=st.integers(1, 200).map(lambda hours: hours * HOUR),
    count=selectors,
)


def naive_count(cap: Cap, history: list[Contact], moment: int) -> int:
    """Counts by the words of the definition: at > moment - window, not released by then."""
    return sum(
        contact.at > moment - cap.window
        and (contact.expires_at is None or contact.expires_at > moment)
        and selects(cap.count, contact.facts)
        for contact in history
    )


@given(caps, st.lists(contacts, max_size=12))
def test_a_cap_counts_what_its_definition_counts(cap: Cap, history: list[Contact]) -> None:
    """The count is that of the definition, and the cap blocks exactly when it is at the limit."""
    found = Caps({"cap": cap}).count(cap, history, NOW)
    assert found.counted == naive_count(cap, history, NOW)
    assert found.blocks == (naive_count(cap, history, NOW) >= cap.limit)


@given(caps, st.lists(contacts, max_size=12))
def test_the_next_moment_is_exact(cap: Cap, history: list[Contact]) -> None:
    """At next_allowed_at the cap lets a contact pass, and one microsecond earlier it did not."""
    found = Caps({"cap": cap}).count(cap, history, NOW)
    assert naive_count(cap, history, found.next_allowed_at) < cap.limit
    if found.blocks:
        assert naive_count(cap, history, found.next_allowed_at - 1) >= cap.limit
    else:
        assert found.next_allowed_at == NOW


def outbound(**over: object) -> Facts:
    """The facts of an outbound commercial contact."""
    given_facts = {
        "channel": "sms",
        "kind": "outbound",
        "campaign": "a",
        "offer": "x",
        "category": "commercial",
    }
    return Facts(**{**given_facts, "tags": frozenset(), **over})  # type: ignore[arg-type]


def test_inbound_contacts_count_only_where_they_are_named() -> None:
    """A customer who comes to us uses up no pressure, unless the cap says inbound or the channel."""
    shown = outbound(channel="web", kind="inbound")
    assert not selects(Selector(), shown)
    assert not selects(Selector(campaign=frozenset({"a"})), shown)
    assert selects(Selector(kind=frozenset({Kind.INBOUND})), shown)
    assert selects(Selector(channel=frozenset({"web"})), shown)


def test_except_lifts_a_cap_from_proposals_but_their_contacts_still_count() -> None:
    """A service message passes the cap, and the next commercial one finds it counted."""
    cap = Cap("cap", 1, HOUR, Selector(), except_=Selector(category=frozenset({"service"})))
    policy = Caps({"cap": cap})
    assert policy.applicable(outbound(category="service")) == ()
    assert policy.applicable(outbound()) == (cap,)
    history = [Contact(NOW - 1, None, outbound(category="service"))]
    assert policy.count(cap, history, NOW).blocks


def test_the_window_is_open_at_its_far_end() -> None:
    """A contact of exactly one window ago no longer counts; one microsecond younger does."""
    cap = Cap("cap", 1, HOUR)
    policy = Caps({"cap": cap})
    assert not policy.count(cap, [Contact(NOW - HOUR, None, outbound())], NOW).blocks
    assert policy.count(cap, [Contact(NOW - HOUR + 1, None, outbound())], NOW).blocks
