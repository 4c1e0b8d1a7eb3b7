"""Experiments through a real server."""

from datetime import datetime
from pathlib import Path

import pytest

from engine.api.v1.decisions_pb2 import (
    OUTCOME_CONTROL,
    OUTCOME_OFFER,
    REASON_CODE_CONTROL,
    REASON_CODE_FALLBACK,
    DecideRequest,
)
from engine.client import Client, request
from tests.books import write_book
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import LAB, controlled, treated
from tests.servers import serving


def request_for(customer: str, placement: str = "") -> DecideRequest:
    """A request for a customer with a phone and the consent, on the day for which the tests know their assignments."""
    now = datetime.fromisoformat("2026-03-10T10:00+08:00")
    return request(customer, profile={"phone": "1"}, consents=["sms"], placement=placement, now=now)


def test_what_is_withheld_is_said_and_not_handed_out(tmp_path: Path) -> None:
    """CONTROL comes with its cause and its probability, and with nothing that could be sent but a page's fallback."""
    compiled = compiled_book(LAB)
    book = write_book(tmp_path / "book", LAB)
    with (
        serving(book, tmp_path / "tact.db", "--allow-simulated-now") as server,
        Client(server.target, timeout=60) as tact,
    ):
        sent = tact.decide(request_for(treated(compiled)))
        assert sent.outcome == OUTCOME_OFFER
        assert sent.selection_probability == sent.offers[0].selection_probability
        withheld = tact.decide(request_for(controlled(compiled)))
        page = tact.decide(request_for(controlled(compiled), "hero"))
        other = tact.decide(request_for(controlled(compiled, "soap"), "hero"))
    assert (withheld.outcome, len(withheld.offers)) == (OUTCOME_CONTROL, 0)
    assert [(reason.code, reason.name) for reason in withheld.reasons] == [(REASON_CODE_CONTROL, "cream")]
    assert withheld.selection_probability == pytest.approx(1 - 0.9 * 0.75)
    assert (page.outcome, [offer.offer for offer in page.offers]) == (OUTCOME_CONTROL, ["story"])
    assert page.reasons[-1].code == REASON_CODE_FALLBACK
    assert (other.outcome, other.offers[0].campaign) == (OUTCOME_OFFER, "cream")
