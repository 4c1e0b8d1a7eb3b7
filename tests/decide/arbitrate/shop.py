"""A shop's book for tests of arbitration, and decisions by it without a ledger."""

from collections.abc import Sequence
from textwrap import dedent

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.model.contact import Contact
from engine.model.decision import Decision
from engine.model.request import Mode, Request
from engine.model.values import Value
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import render

NOW = 1_773_108_000_000_000
"""2026-03-10T10:00+08:00"""

SHOP = """
book: {name: shop, timezone: Europe/Paris, salt: s}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.name: {type: text}
  profile.phone: {type: text}
channels:
  web: {kind: inbound}
  sms: {kind: outbound, address: profile.phone, consent: sms}
placements:
  shelf: {channel: web, max_offers: 4, max_per_category: 2}
offers:
  cream: {name: Cream, category: skin, content: {default: {title: Cream}}}
  soap: {name: Soap, category: skin, content: {default: {title: Soap}}}
  oil: {name: Oil, category: skin, content: {default: {title: Oil}}}
  comb: {name: Comb, category: hair, content: {default: {title: Comb}}}
  pen: {name: Pen, content: {default: {title: Pen}}}
  pad: {name: Pad, content: {default: {title: Pad}}}
  ink: {name: Ink, content: {default: {title: Ink}}}
"""


def compiled_book(*texts: str) -> CompiledBook:
    """The texts compiled as one book; fails with its diagnostics if it does not load."""
    files = {f"{number}.yaml": dedent(text).encode() for number, text in enumerate(texts)}
    loaded = load_files(files)
    assert loaded.book is not None, render(loaded.diagnostics)
    return compile_book(loaded.book)


def shelf(compiled: CompiledBook, customer: str = "ann", now: int = NOW, **attributes: Value) -> Decision:
    """What the shelf shows; attributes are those of the profile."""
    profile = {f"profile.{name}": value for name, value in attributes.items()}
    return decided(compiled, Request(customer, now, profile, placement="shelf", max_offers=4))


def decided(compiled: CompiledBook, request: Request, history: Sequence[Contact] = ()) -> Decision:
    """The decision, as a preview."""
    evaluation = evaluate(compiled, request._replace(mode=Mode.PREVIEW))
    return answer(evaluation, select(evaluation, history, request.customer), "")


def taken(decision: Decision) -> list[str]:
    """The campaigns of its offers, best first."""
    return [offer.campaign for offer in decision.offers]
