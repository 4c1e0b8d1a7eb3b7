"""Who objects to being profiled only gets what is decided without their profile, until they take it back."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import explain
from engine.explain.books import Books
from engine.explain.sentences import sentence
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.measure.replay import ReplayResult, replay_log
from engine.model.decision import Decision, Outcome
from engine.model.instant import SECOND
from engine.model.request import Mode, Request
from engine.privacy.erasure import EraseCommand
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from engine.rulebook.load import load_text
from tests.books import compiled_book
from tests.logs import Log
from tests.privacy.kit import NOW

BOOK = """
book: {name: plain, timezone: Asia/Shanghai, salt: s}
attributes: {profile.phone: {type: text}, profile.city: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: news}
  site: {kind: inbound}
placements: {hero: {channel: site, fallback: tea}}
offers:
  cream: {name: Cream, value: 5, content: {default: {text: Cream}}}
  tea: {name: Tea, value: 1, content: {default: {text: Tea}}}
campaigns:
  sanya: {offer: cream, channels: [sms], placements: [hero], when: {profile.city: Sanya}}
  plain: {offer: tea, channels: [sms], personalised: false, when: {now.weekday: {in: [tue, wed]}}}
"""

Act = Callable[[Engine, Ledger], Coroutine[Any, Any, Any]]


def acting(log: Log, compiled: CompiledBook, act: Act) -> Any:
    """What comes of something that is done by an engine on the log."""

    async def main() -> Any:
        ledger = Ledger(open_store(log.url))
        try:
            return await act(Engine(compiled, ledger), ledger)
        finally:
            ledger.close()

    return asyncio.run(main())


def request(name: str, at: int, placement: str = "", mode: Mode = Mode.COMMIT) -> Request:
    """A request of a customer in Sanya, who agrees to texts."""
    attributes = {"profile.phone": "+86 139", "profile.city": "Sanya"}
    return Request(name, at, attributes, frozenset({"news"}), placement=placement, mode=mode)


def objection(name: str, purpose: str, at: int, *, objects: bool = True) -> ObjectionCommand:
    """What a person says."""
    return ObjectionCommand(name, purpose, objects, "ticket 3", PrivacyActor("officer", "log", at))


def campaigns(decision: Decision) -> list[str]:
    """What it offers."""
    return [offer.campaign for offer in decision.offers]


@pytest.mark.parametrize("purpose", ["*", "news", "channel:sms"])
def test_only_what_is_not_personalised_goes(any_log: Log, tmp_path: Path, purpose: str) -> None:
    """By text the plain campaign in place of the better one, with the reason, in previews too; then as before again."""
    compiled = compiled_book(tmp_path / "book", BOOK)

    async def act(engine: Engine, ledger: Ledger) -> None:
        assert campaigns(await engine.decide(request("before", NOW))) == ["sanya"]
        await ledger.commit(objection("li", purpose, NOW))
        for mode in (Mode.PREVIEW, Mode.COMMIT):
            decision = await engine.decide(request("li", NOW + SECOND, mode=mode))
            assert campaigns(decision) == ["plain"]
            assert [tuple(reason) for reason in decision.reasons] == [
                ("objected", "sms"),
                ("chosen", "plain"),
            ]
        shown = await engine.decide(request("li", NOW + SECOND, "hero"))
        if purpose == "*":
            assert shown.outcome is Outcome.FALLBACK
            assert ("objected", "site") in [tuple(reason) for reason in shown.reasons]
        else:
            assert campaigns(shown) == ["sanya"]
        explained = await explain(engine, request("li", NOW + SECOND, mode=Mode.PREVIEW))
        (sanya,) = [own for own in explained.campaigns if own.campaign == "sanya"]
        said = sentence(sanya, compiled.book.timezone)
        assert "objects to being profiled" in said
        assert "objected 2026-03-10T02:00:00" in said
        await ledger.commit(objection("li", purpose, NOW + 2 * SECOND, objects=False))
        assert campaigns(await engine.decide(request("li", NOW + 3 * SECOND))) == ["sanya"]

    acting(any_log, compiled, act)
    with closing(open_store(any_log.url)) as store:
        replayed = list(replay_log(store, Books(store)))
    assert len(replayed) == 4
    assert {own.result for own in replayed} == {ReplayResult.EQUAL}


def test_an_objection_outlasts_links_agreements_and_erasure(any_log: Log, tmp_path: Path) -> None:
    """It is the person's under all names, of whichever it was said; nothing that is agreed to ends it, nor being erased."""
    compiled = compiled_book(tmp_path / "book", BOOK)

    async def act(engine: Engine, ledger: Ledger) -> None:
        await ledger.commit(objection("b", "*", NOW))
        await engine.decide(request("a", NOW))
        await ledger.commit(LinkCommand(("a", "b", "c"), NOW + 1))
        for name in ("a", "b", "c"):
            assert campaigns(await engine.decide(request(name, NOW + 2))) == ["plain"], name
        await ledger.commit(EraseCommand("c", "", "officer", "log", lambda: NOW + 3))
        for name in ("a", "b", "c"):
            preview = await engine.decide(request(name, NOW + 4, mode=Mode.PREVIEW))
            assert campaigns(preview) == ["plain"], name
        assert any_log.rows("SELECT count(*) FROM consents") == [(0,)]
        for name in ("a", "b", "c"):
            assert campaigns(await engine.decide(request(name, NOW + 4))) == ["plain"], name
        await ledger.commit(objection("b", "*", NOW + 5, objects=False))
        assert campaigns(await engine.decide(request("b", NOW + 6))) == ["sanya"]
        assert campaigns(await engine.decide(request("a", NOW + 6))) == ["plain"]

    acting(any_log, compiled, act)


@pytest.mark.parametrize(
    ("campaign", "depends"),
    [
        ("{offer: cream, channels: [sms], personalised: false, when: {profile.city: Sanya}}", "profile.city"),
        (
            "{offer: cream, channels: [sms], personalised: false, value: {attribute: profile.worth}}",
            "profile.worth",
        ),
        ("{offer: hello, channels: [sms], personalised: false}", "profile.city"),
        (
            "{offer: cream, channels: [sms], personalised: false, boosts: [{when: {profile.city: X}, by: 2}]}",
            "profile.city",
        ),
        ("{offer: cream, channels: [sms], personalised: false, when: {location.city: X}}", "location.city"),
        ("{offer: cream, channels: [sms], personalised: false, propensity: learned}", "learned"),
    ],
)
def test_what_is_not_personalised_depends_on_nothing_of_the_customer(campaign: str, depends: str) -> None:
    """The loader refuses a condition, a value, a text, a boost and a learned propensity, and says which."""
    book = BOOK.replace(
        "profile.city: {type: text}}", "profile.city: {type: text}, profile.worth: {type: number}}"
    )
    greeting = "  hello: {name: H, content: {default: {text: 'Hi {profile.city}'}}}"
    book = book.replace("campaigns:\n", f"{greeting}\ncampaigns:\n  own: {campaign}\n")
    loaded = load_text(json.dumps({"book.yaml": book}))
    messages = [
        diagnostic.message for diagnostic in loaded.diagnostics if "personalised" in diagnostic.message
    ]
    assert len(messages) == 1, loaded.diagnostics
    assert depends in messages[0]
