"""Columns against the engine where customers have histories: contacts, consents, outcomes and events, at random."""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.batch.facets import RequestPeople
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.batch.logged import AlikeColumn, AlikeHistories, LoggedHistory
from engine.batch.results import decide_by_engine
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.consent import objection_to
from engine.model.contact import Contact, Facts
from engine.model.customer import EVERYTHING, Consent, Memory
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.outcome import PastOutcome
from engine.model.request import Request
from tests.batch.people import requests_for
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.decide.arbitrate.test_properties import campaigns

HOUR = DAY // 24
OUTCOMES = ("declined", "clicked", "converted", "complained", "delivered")
SPANS = ("rolling 30h", "rolling 7d", "calendar day", "calendar week")

SHOP = """
book: {name: shop, timezone: Europe/Paris, salt: s}
events: {stored: true}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.phone: {type: text}
  profile.mail: {type: text}
  profile.weekly: {type: integer, min: 0, max: 3}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms, hold: 40h, on_silence: release}
  mail: {kind: outbound, address: profile.mail, consent: mail}
placements:
  shelf: {channel: web}
offers:
  cream: {name: Cream, category: skin, content: {default: {title: Cream}}}
  soap: {name: Soap, category: skin, content: {default: {title: Soap}}}
  oil: {name: Oil, category: skin, content: {default: {title: Oil}}}
  comb: {name: Comb, category: hair, content: {default: {title: Comb}}}
  pen: {name: Pen, content: {default: {title: Pen}}}
  pad: {name: Pad, content: {default: {title: Pad}}}
  ink: {name: Ink, content: {default: {title: Ink}}}
layers: {tests: {slots: {one: 0-50%, two: 50-90%}}}
holdouts: {all: {share: 10%, except: {category: service}}}
"""


@st.composite
def books(draw: st.DrawFn) -> dict[str, Any]:
    """Random campaigns under random caps, gaps, limits, stops, pauses and quiet hours."""
    written = draw(campaigns())
    random = draw(st.randoms(use_true_random=False))
    for campaign in written.values():
        del campaign["placements"]
        campaign["channels"] = random.choice((["sms"], ["mail", "sms"], ["sms", "mail"]))
        if random.random() < 0.3:
            campaign["limits"] = {"per_customer": {"limit": 1, "per": random.choice(SPANS)}}
            if random.random() < 0.4:
                campaign["limits"]["per_customer"]["by"] = "profile.age"
        if random.random() < 0.3:
            campaign["stop"] = {random.choice(OUTCOMES[:3]): "5d"}
        if not {"when", "boosts", "limits"} & campaign.keys() and random.random() < 0.5:
            campaign["personalised"] = False
        elif random.random() < 0.3:
            campaign["when"] = {"any": [{"profile.age": {"lt": 50}}, {"behaviour": BEHAVIOUR}]}
    caps: dict[str, Any] = {
        f"cap{number}": {
            "limit": random.choice((1, 2, {"attribute": "profile.weekly", "default": 2})),
            "per": random.choice(SPANS),
            "count": random.choice(({"kind": "outbound"}, {"channel": "sms"}, {"category": "commercial"})),
        }
        for number in range(random.randrange(3))
    }
    for cap in caps.values():
        if cap["per"].startswith("calendar") and random.random() < 0.3:
            cap["clock"] = "customer"
    pauses = {
        f"pause{number}": {
            "outcome": random.choice(OUTCOMES[:4]),
            "for": "6d",
            "scope": random.choice(("customer", "channel", "offer", "campaign")),
        }
        | ({"times": 2, "within": "9d"} if random.random() < 0.4 else {})
        for number in range(random.randrange(3))
    }
    gaps = {"gap": {"at_least": "50h", "count": {"channel": random.choice(("sms", "mail"))}}}
    quiet = {"nights": {"from": "21:00", "until": "08:00", "channel": "sms"}}
    pressure = {"quiet": quiet} | ({"caps": caps} if caps else {}) | ({"pauses": pauses} if pauses else {})
    if random.random() < 0.5:
        pressure["gaps"] = gaps
    return {"campaigns": written, "pressure": pressure}


BEHAVIOUR = {"event": "visit", "within": "3d", "count": {"gte": 2}}


def history(compiled: CompiledBook, random: Random) -> LoggedHistory:
    """What a log may hold of a customer: scattered and shared moments, holds, shadows and what no rule reads."""

    def ago(days: int) -> int:
        return NOW - random.choice(
            (random.randrange(days * DAY), random.randrange(days) * DAY, 2 * DAY, 6 * HOUR, -HOUR)
        )

    facts = [on.facts for own in compiled.compiled_campaigns for on in own.campaign_channels.values()] + [
        Facts("mail", "outbound", "past", "past", "hair", frozenset())
    ]
    contacts = []
    for _ in range(random.choice((0, 0, 1, 1, 2, 5))):
        at = ago(10)
        expires_at = random.choice((None, None, at + 40 * HOUR, NOW + HOUR))
        zones = random.choice(("", "", "Asia/Tokyo"))
        contacts.append(
            Contact(at, expires_at, random.choice(facts), zones, random.choice((None, "30", "null")))
        )
    purposes = (
        "sms",
        "mail",
        "channel:sms",
        EVERYTHING,
        "other",
        objection_to(EVERYTHING),
        objection_to("mail"),
    )
    consents = {
        random.choice(purposes): Consent(random.choice((None, ago(20))), random.choice((None, ago(20))))
        for _ in range(random.choice((0, 0, 0, 1, 2)))
    }
    outcomes = tuple(
        PastOutcome(
            random.choice(OUTCOMES),
            ago(15),
            random.choice(("", "sms", "mail")),
            own.campaign,
            own.offer,
            random.choice(("", "d1", "d2")),
        )
        for own in random.choices(facts, k=random.choice((0, 0, 0, 1, 3)))
    )
    read = tuple(own for own in outcomes if own.type in compiled.pressure.outcomes)
    return LoggedHistory(tuple(contacts), tuple(consents.items()), read)


def moved(own: LoggedHistory, random: Random) -> LoggedHistory:
    """The history at moments of its own."""
    hours = random.choice((2, 50))

    def at(moment: int) -> int:
        return moment - random.randrange(hours * HOUR)

    contacts = tuple(contact._replace(at=at(contact.at)) for contact in own.contacts)
    return own._replace(
        contacts=contacts, outcomes=tuple(outcome._replace(at=at(outcome.at)) for outcome in own.outcomes)
    )


def remembering(request: Request, random: Random) -> Request:
    """The request with events that it brings, or that are stored."""
    events = tuple(
        Event(f"e{at}", "visit", NOW - random.randrange(5 * DAY), {})
        for at in range(random.choice((0, 1, 3)))
    )
    return (
        request._replace(events=events) if random.random() < 0.3 else request._replace(memory=Memory(events))
    )


def people_of(
    compiled: CompiledBook, random: Random, number: int
) -> tuple[list[Request], list[LoggedHistory]]:
    """Customers, of whom some have the same history and most one of their own."""
    requests = requests_for(compiled, NOW, number, random.randrange(1000))
    for row, request in enumerate(requests):
        age = random.choice((30, 50))
        attributes = {**request.attributes, "profile.phone": "1", "profile.mail": "m", "profile.age": age}
        requests[row] = request._replace(attributes=attributes)
        if random.random() < 0.4:
            requests[row] = remembering(requests[row], random)
    kinds = [history(compiled, random) for _ in range(12)]
    own = [
        random.choice((kind, moved(kind, random), moved(kind, random), history(compiled, random)))
        for kind in random.choices(kinds, k=number)
    ]
    return requests, own


def check(
    compiled: CompiledBook, requests: Sequence[Request], histories: Sequence[LoggedHistory]
) -> tuple[int, AlikeColumn]:
    """Decides the customers both ways: how many by columns for good, and by what."""
    alike = AlikeHistories(compiled, NOW)
    alike.column(histories)  # as if the same had come before
    made = alike.column(histories)
    rows = np.flatnonzero(made.covered)
    kernel = Kernel(compiled, ColumnPlan(NOW, verified=0.2))
    proposed = kernel.propose(RequestPeople([requests[row] for row in rows.tolist()], made.taken(rows)))
    decided = 0
    for at, row in enumerate(rows.tolist()):
        decision, own = proposed.row(at), histories[row]
        if made.rounded[row] and not decision.chosen:
            continue
        decided += 1
        expected = decide_by_engine(compiled, requests[row], contacts=own.contacts, state=own.state).decision
        assert decision == expected, (requests[row], own)
    assert not kernel.funnel.exact
    return decided, made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(books(), st.integers(0, 10_000))
def test_any_history_is_decided_as_by_the_engine(written: dict[str, Any], seed: int) -> None:
    """Every field of the decision, of those who share a history and of those who have one of their own."""
    compiled = compiled_book(SHOP, yaml.safe_dump(written))
    requests, histories = people_of(compiled, Random(seed), 80)
    decided, made = check(compiled, requests, histories)
    shared = int((made.covered & ~made.rounded).sum())
    assert decided >= shared > 8, "those who share a history, and some of the others"
