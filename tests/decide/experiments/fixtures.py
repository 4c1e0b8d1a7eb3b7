"""A book of experiments for these tests, and customers by their assignments."""

from collections.abc import Callable, Iterator
from itertools import count

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.assignments import Assignment, assignments
from engine.model.request import Request
from engine.model.values import Value

DAY = 86_400_000_000
NOW = 1_773_108_000_000_000
"""2026-03-10T10:00+08:00"""

LAB = """
book: {name: lab, timezone: Asia/Shanghai, salt: s}
attributes:
  profile.phone: {type: text}
  profile.late: {type: boolean}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
placements:
  hero: {channel: web, max_offers: 2, fallback: story}
  bare: {channel: web}
offers:
  story: {name: Story, content: {default: {title: Our story}}}
  cream: {name: Cream, value: 10, content: {default: {title: Cream}}}
  soap: {name: Soap, value: 5, content: {default: {title: Soap}}}
  parcel: {name: Parcel, content: {default: {title: Late}}}
holdouts:
  universal: {share: 10%, salt: 2026-h1, except: {category: service}}
campaigns:
  cream:
    offer: cream
    channels: [sms]
    placements: [hero, bare]
    control: 25%
    variants:
      calm: {share: 1, content: {default: {title: Calm}}}
      bold: {share: 3, content: {default: {title: Bold}}}
  soap: {offer: soap, channels: [sms], placements: [hero], control: {share: 50%, salt: v2}}
  parcel: {offer: parcel, category: service, tier: 1, when: {profile.late: true}, channels: [sms]}
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d, count: {kind: outbound}, except: {category: service}}}
"""


def first_customer(
    compiled: CompiledBook, fits: Callable[[dict[tuple[str, str], Assignment]], bool], now: int = NOW
) -> str:
    """The first customer whose assignments fit."""
    return next(
        person
        for person in (f"customer-{number}" for number in count())
        if fits(
            {
                (assignment.kind, assignment.name): assignment
                for assignment in assignments(compiled.book, person, now)
            }
        )
    )


def treated(compiled: CompiledBook) -> str:
    """Somebody from whom nothing is withheld."""
    return first_customer(compiled, lambda drawn: not any(assignment.inside for assignment in drawn.values()))


def controlled(compiled: CompiledBook, campaign: str = "cream") -> str:
    """Somebody who is in the campaign's control and in nothing else."""
    return first_customer(
        compiled,
        lambda drawn: (
            [key for key, assignment in drawn.items() if assignment.inside] == [("control", campaign)]
        ),
    )


def held_out(compiled: CompiledBook) -> str:
    """Somebody who is in the holdout and in no control."""
    return first_customer(
        compiled,
        lambda drawn: (
            [key for key, assignment in drawn.items() if assignment.inside] == [("holdout", "universal")]
        ),
    )


def by_sms(customer: str, now: int = NOW, *, late: bool = False) -> Request:
    """A request for whatever may be sent to a customer with a phone and the consent."""
    attributes: dict[str, Value] = {"profile.phone": "1", "profile.late": late}
    return Request(customer, now, attributes, consents=frozenset({"sms"}))


def on_page(customer: str, placement: str = "hero", now: int = NOW) -> Request:
    """A request for a page's slot."""
    return Request(customer, now, {}, placement=placement, max_offers=2 if placement == "hero" else 1)


def crowd(number: int) -> Iterator[str]:
    """Ids of `number` customers."""
    return (f"person-{index}" for index in range(number))
