"""Decisions that were made are explained as they were then, from the log alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import compile_book
from engine.engine import Engine
from engine.explain import ChangeKind, Explained, NoSuchDecision, explain, explain_logged
from engine.model.decision import Reason, ReasonCode
from engine.model.instant import DAY
from engine.model.request import Request
from engine.model.values import KeptBlank
from engine.rulebook.load import load_files
from tests.books import SPRING
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book
from tests.explain.books import BOOKS, loaded, requests_of
from tests.explain.engines import engine_on


def gist(explained: Explained) -> tuple[Any, ...]:
    """All of it but the id, which a preview has not, and but later moments, for which the log lacks the events."""
    decision = explained.decision._replace(decision_id="", request_id="")
    campaigns = [
        replace(
            campaign,
            counterfactuals=tuple(
                counterfactual
                for counterfactual in campaign.counterfactuals
                if counterfactual.change.kind is not ChangeKind.TIME
            ),
        )
        for campaign in explained.campaigns
    ]
    return decision, campaigns, explained.signals


@pytest.mark.parametrize("folder", BOOKS, ids=lambda path: path.name)
async def test_it_is_explained_as_it_would_have_been_before(folder: Path, tmp_path: Path) -> None:
    """What the scenarios of each book ask is explained, then decided; once all is done the log explains each the same.

    But for what comes with masked values, which the log does not hold.
    """
    compiled = loaded(folder)
    masked = {name for name, attribute in compiled.book.attributes.items() if attribute.masked}
    before: list[tuple[str, Explained]] = []
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        for request in sorted(requests_of(folder, compiled), key=lambda request: request.now):
            if not masked.isdisjoint(request.attributes):
                continue
            explained = await explain(engine, request, counterfactuals=len(before) % 4 == 0)
            decision = await engine.decide(request)
            before.append((decision.decision_id, explained))
        offers = sum(bool(explained.decision.offers) for _, explained in before)
        assert offers > (0 if folder.name == "welcome-narrative" else 3)  # it needs contacts before
        for number, (decision_id, explained) in enumerate(before):
            again = await explain_logged(engine, decision_id, counterfactuals=number % 4 == 0)
            assert again.notes == ()
            assert gist(again) == gist(explained)


async def test_a_stock_is_explained_as_of_then(tmp_path: Path) -> None:
    """What was left when it was decided is what the explanation goes by, though by now there is less, or none."""
    rare = "offers: {rare: {name: Rare, stock: 2, content: {default: {t: Rare}}}}"
    compiled = compiled_book(SHOP, "campaigns: {a: {offer: rare, placements: [shelf]}}", rare)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, on_the_shelf(NOW, age=20))
        first = await engine.decide(on_the_shelf(NOW, age=20))
        for later in range(1, 4):
            last = await engine.decide(on_the_shelf(NOW + later, age=20))
        assert last.blocked_by == ("rare/stock",)
        assert gist(await explain_logged(engine, first.decision_id)) == gist(explained)
        again = await explain_logged(engine, last.decision_id)
        assert again.campaigns[0].reason == Reason(ReasonCode.OUT_OF_STOCK, "rare/stock")
        assert again.notes == ()


@pytest.mark.parametrize(("name", "variant"), [(" ", "to-all"), (KeptBlank(" "), "to-ann")])
async def test_blank_texts_are_replayed_as_they_were_decided(name: str, variant: str, tmp_path: Path) -> None:
    """A blank text counts as missing; in the log of an earlier version, whose rows do not say so, it is a value."""
    compiled = compiled_book(
        SHOP,
        """
        campaigns:
          pens:
            offer: pen
            placements: [shelf]
            variants:
              to-ann: {share: 1000000, content: {default: {t: "For {profile.name}"}}}
              to-all: {content: {default: {t: "For {profile.name|you}"}}}
        """,
    )
    request = Request("ann", NOW, {"profile.name": name}, placement="shelf")
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, request)
        decision = await engine.decide(request)
        assert decision.offers[0].variant == variant
        again = await explain_logged(engine, decision.decision_id)
        assert again.notes == ()
        assert again.decision.offers == decision.offers
        assert gist(again) == gist(explained)


async def test_a_remembered_signal_is_explained_as_of_then(tmp_path: Path) -> None:
    """A signal that held by memory holds so in the explanation, though by now it is forgotten."""
    signal = "signals: {adult: {when: {profile.age: {gte: 18}}, hold: 2d}}"
    compiled = compiled_book(
        SHOP, "campaigns: {a: {offer: pen, placements: [shelf], when: {signal: adult}}}", signal
    )
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(on_the_shelf(NOW, age=20))
        explained = await explain(engine, on_the_shelf(NOW + DAY, age=3), counterfactuals=True)
        kept = await engine.decide(on_the_shelf(NOW + DAY, age=3))
        await engine.decide(on_the_shelf(NOW + 9 * DAY, age=3))
        again = await explain_logged(engine, kept.decision_id, counterfactuals=True)
    assert gist(again) == gist(explained)
    assert [(signal.name, signal.remembered, signal.since) for signal in again.signals] == [
        ("adult", True, NOW)
    ]


def on_the_shelf(now: int, **profile: Any) -> Request:
    """A request for the shelf."""
    return Request(
        "ann", now, {f"profile.{k}": v for k, v in profile.items()}, placement="shelf", max_offers=1
    )


async def test_a_decision_of_another_version_is_explained_from_the_log(tmp_path: Path) -> None:
    """Where the live book is not the one that decided, that is said, and the candidates are told as the log has them."""
    line = "  a: {{offer: pen, placements: [shelf], value: {value}}}\n  b: {{offer: pad, placements: [shelf], value: 5}}"
    old, new = (compiled_book(SHOP, "campaigns:\n" + line.format(value=value)) for value in (9, 1))
    with engine_on(old, tmp_path / "tact.db") as engine:
        made = await engine.decide(on_the_shelf(NOW))
        explained = await explain_logged(Engine(new, engine._ledger), made.decision_id, counterfactuals=True)
    (note,) = explained.notes
    assert old.book.version[:12] in note
    assert new.book.version[:12] in note
    assert explained.decision.offers == made.offers
    assert [
        (campaign.campaign, campaign.reason.code, campaign.score, campaign.condition, campaign.searched)
        for campaign in explained.campaigns
    ] == [
        ("a", ReasonCode.CHOSEN, 9.0, None, False),
        ("b", ReasonCode.OUTRANKED, 5.0, None, False),
    ]


async def test_what_the_log_does_not_hold_is_said(tmp_path: Path) -> None:
    """A campaign that a sensitive value made eligible is told as the log has it, with the value's name and not the value."""
    book = load_files({"book.yaml": SPRING.encode()}).book
    assert book is not None
    known = {"profile.phone": "138", "profile.allergy": "nuts"}
    request = Request("li-na", NOW, known, consents=frozenset({"sms"}))
    with engine_on(compile_book(book), tmp_path / "tact.db") as engine:
        made = await engine.decide(request)
        explained = await explain_logged(engine, made.decision_id, counterfactuals=True)
        other = await engine.decide(request._replace(attributes={**known, "profile.allergy": "milk"}))
        same = await explain_logged(engine, other.decision_id)
    assert [(campaign.campaign, campaign.reason.code) for campaign in explained.campaigns] == [
        ("allergy-care", ReasonCode.CHOSEN)
    ]
    assert "gives a different result" in explained.notes[0]
    assert "profile.allergy" in explained.notes[1]
    assert (len(same.notes), len(same.campaigns)) == (1, 4)


async def test_no_such_decision(tmp_path: Path) -> None:
    """An id that the log does not hold is no decision."""
    with (
        engine_on(compiled_book(SHOP), tmp_path / "tact.db") as engine,
        pytest.raises(NoSuchDecision, match="no decision 'x'"),
    ):
        await explain_logged(engine, "x")
