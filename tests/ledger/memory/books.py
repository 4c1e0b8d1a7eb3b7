"""A book that remembers, and the ledger that it remembers in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store

REMEMBERING = """
book: {name: remembering, timezone: Europe/Paris}
attributes:
  profile.email: {type: text}
  profile.tier: {type: text}
  profile.allergy: {type: text, sensitive: health}
events: {stored: true, newest: 5, keep: 10d}
channels:
  web:   {kind: inbound}
  email: {kind: outbound, address: profile.email, consent: email}
placements: {hero: {channel: web, max_offers: 5}}
patterns:
  left-in-cart:
    first: {event: add_to_cart, within: 24h}
    not_after: {event: purchase, same: item}
    expose: {item: first.item}
signals:
  cart-abandoned:
    when: {pattern: left-in-cart}
    hold: 48h
    until: {behaviour: {event: purchase, within: 3d, count: {gte: 1}}}
    expose: {item: pattern.left-in-cart.item}
  hesitant:
    when: {signal: cart-abandoned, none: [{profile.tier: gold}]}
    hold: 1h
offers:
  back: {name: Back, value: 5, content: {default: {title: "Your {signal.cart-abandoned.item}"}}}
  wait: {name: Wait, value: 4, content: {default: {title: Take your time}}}
  hello: {name: Hello, value: 1, content: {default: {title: Hello}}}
campaigns:
  back: {offer: back, when: {signal: cart-abandoned}, channels: [email], placements: [hero]}
  wait: {offer: wait, when: {signal: hesitant}, placements: [hero]}
  hello: {offer: hello, when: {customer.is_new: true}, placements: [hero]}
"""
"""Signals of two strata that are held, one of them not to be concluded from events alone."""


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """A ledger in the file, for the length of a block."""
    ledger = Ledger(open_store(f"sqlite:///{path}"))
    try:
        yield ledger
    finally:
        ledger.close()
