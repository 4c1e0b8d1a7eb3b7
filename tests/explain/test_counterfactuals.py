"""Every change that an explanation tells of does what it says: it is made, and decided again."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.engine import Engine
from engine.explain import ChangeKind, Counterfactual, Explained, explain
from engine.explain.counterfactuals import candidates
from engine.model.decision import ReasonCode
from engine.model.request import Request
from engine.rulebook.load import load_files
from engine.rulebook.text.nodes import compose
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book
from tests.explain.books import BOOKS, loaded, requests_of
from tests.explain.engines import changed_request, engine_on, stage

KINDS = {"shop-self-critique": 1, "retail-verbatim": 1, "welcome-narrative": 1, "town-hall": 0}
"""Kinds of changes that a book shows at least, in place of three: the campaigns of the first three follow events and never
compete, and no attribute of a citizen changes what the last says."""


def edited(folder: Path, campaign: str, key: str, value: Any) -> CompiledBook:
    """The book with one key of a campaign written anew in its files."""
    files: dict[str, bytes] = {path.name: path.read_bytes() for path in folder.glob("*.csv")}
    for path in folder.glob("*.yaml"):
        data: Any = compose(path.read_text(encoding="utf-8")).data
        if campaign in data.get("campaigns", {}):
            data["campaigns"][campaign][key] = value
        files[path.name] = json.dumps(data).encode()
    book = load_files(files).book
    assert book is not None
    return compile_book(book)


async def comes_true(
    counterfactual: Counterfactual, engine: Engine, request: Request, campaign: str, folder: Path
) -> bool:
    """Whether the campaign comes to what the flip says, once its change is made."""
    kind = counterfactual.change.kind
    if kind in (ChangeKind.TIER, ChangeKind.VALUE):
        compiled = edited(folder, campaign, kind.value, counterfactual.change.after)
        other = Engine(compiled, engine._ledger)
        reason = await stage(other, request, campaign)
        other.compiled.close()
        return reason == counterfactual.then
    return (
        await stage(engine, changed_request(request, counterfactual.change, engine.compiled), campaign)
        == counterfactual.then
    )


@pytest.mark.parametrize("folder", BOOKS, ids=lambda path: path.name)
async def test_flips_of_the_books_come_true(folder: Path, tmp_path: Path) -> None:
    """For what the scenarios of each book ask, every flip of every campaign comes true when its change is made."""
    compiled = loaded(folder)
    seen: Counter[ChangeKind] = Counter()
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        for request in requests_of(folder, compiled):
            explained = await explain(engine, request, counterfactuals=True)
            for explained_campaign in explained.campaigns:
                before = explained_campaign.reason
                for counterfactual in explained_campaign.counterfactuals:
                    assert counterfactual.then != before
                    assert await comes_true(
                        counterfactual, engine, request, explained_campaign.campaign, folder
                    ), (
                        explained_campaign,
                        counterfactual,
                    )
                    seen[counterfactual.change.kind] += 1
    kinds = KINDS.get(folder.name, 3)
    assert (seen[ChangeKind.ATTRIBUTE] > 20) is (kinds > 0)
    assert len(seen) >= kinds


def flips_of(explained: Explained, campaign: str) -> list[Counterfactual]:
    """The flips of one campaign."""
    return list(
        next(
            explained_campaign
            for explained_campaign in explained.campaigns
            if explained_campaign.campaign == campaign
        ).counterfactuals
    )


async def counterfactuals(
    tmp_path: Path, campaigns: str, request: Request, *more: str
) -> list[Counterfactual]:
    """The flips of the campaign `a` of the shop with these campaigns."""
    compiled = compiled_book(SHOP, f"campaigns:\n{campaigns}", *more)
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, request, counterfactuals=True)
        counterfactuals = flips_of(explained, "a")
        for counterfactual in counterfactuals:
            if counterfactual.change.kind not in (ChangeKind.TIER, ChangeKind.VALUE):
                changed = changed_request(request, counterfactual.change, compiled)
                assert await stage(engine, changed, "a") == counterfactual.then
        return counterfactuals


def on_the_shelf(**profile: Any) -> Request:
    """A request for the shelf."""
    return Request(
        "ann", NOW, {f"profile.{k}": v for k, v in profile.items()}, placement="shelf", max_offers=1
    )


async def test_the_smallest_change_of_a_number(tmp_path: Path) -> None:
    """A bound that is not reached is told, and of two ways out of a range the nearer."""
    (counterfactual,) = await counterfactuals(
        tmp_path,
        "  a: {offer: pen, placements: [shelf], when: {profile.age: {gte: 18}}}",
        on_the_shelf(age=3),
    )
    assert (counterfactual.change.after, counterfactual.wins) == (18, True)
    when = "{profile.age: {gt: 17, lt: 65}}"
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], when: {{none: [{when}]}}}}", on_the_shelf(age=60)
    )
    assert (counterfactual.change.after, counterfactual.wins) == (65, True)


async def test_two_tests_that_fail_have_no_single_change(tmp_path: Path) -> None:
    """Where two attributes would have to be otherwise nothing is told, and the search is said to have been made."""
    line = "  a: {offer: pen, placements: [shelf], when: {profile.age: {gte: 18}, profile.name: Ann}}"
    compiled = compiled_book(SHOP, f"campaigns:\n{line}")
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, on_the_shelf(age=3), counterfactuals=True)
    assert (explained.campaigns[0].counterfactuals, explained.campaigns[0].searched) == ((), True)


async def test_a_campaign_that_is_over_has_no_moment(tmp_path: Path) -> None:
    """A campaign that is to begin is told the first of its days and hours, and one that is over no moment at all."""
    begins = "from: 2026-05-02, days: [mon], hours: 09:00-10:00"
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], active: {{{begins}}}}}", on_the_shelf()
    )
    assert counterfactual.change.kind is ChangeKind.TIME
    assert counterfactual.change.after == 1_777_878_000_000_000  # Monday, 2026-05-04T09:00+02:00
    assert (
        await counterfactuals(
            tmp_path, "  a: {offer: pen, placements: [shelf], active: {until: 2026-01-01}}", on_the_shelf()
        )
        == []
    )


async def test_the_hour_of_a_condition(tmp_path: Path) -> None:
    """A condition on the customer's clock is told with the next full hour at which it holds."""
    line = "  a: {offer: pen, placements: [shelf], when: {now.hour: {gte: 20}, now.weekday: sat}}"
    (counterfactual,) = await counterfactuals(tmp_path, line, on_the_shelf())
    assert counterfactual.change.after == 1_773_514_800_000_000  # Saturday, 2026-03-14T20:00+01:00


async def test_priorities(tmp_path: Path) -> None:
    """A campaign that gave way is told by which value, or by which tier, it would go first."""
    rival = "  b: {offer: pad, placements: [shelf], value: 10, tier: 2}"
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], value: 8, tier: 2}}\n{rival}", on_the_shelf()
    )
    assert (counterfactual.change.kind, counterfactual.change.after) == (ChangeKind.VALUE, 10.1)
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], value: 8}}\n{rival}", on_the_shelf()
    )
    assert (counterfactual.change.kind, counterfactual.change.after) == (ChangeKind.TIER, 3)
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], value: 18}}\n{rival}", on_the_shelf()
    )
    assert (counterfactual.change.kind, counterfactual.change.after) == (ChangeKind.TIER, 2)


async def test_reach_and_ways(tmp_path: Path) -> None:
    """An address, a consent, a channel and a placement are told where they are what is lacking."""
    line = "  a: {offer: pen, channels: [sms], placements: [shelf]}"
    outbound = Request("ann", NOW, {"profile.phone": "1"})
    (counterfactual,) = await counterfactuals(tmp_path, line, outbound)
    assert (counterfactual.change.kind, counterfactual.change.name) == (ChangeKind.CONSENT, "sms")
    (counterfactual,) = await counterfactuals(
        tmp_path, line, Request("ann", NOW, {}, consents=frozenset({"sms"}))
    )
    assert (counterfactual.change.name, counterfactual.change.any_value) == ("profile.phone", True)
    way, other = await counterfactuals(
        tmp_path, line, outbound._replace(channels=("web",), consents=frozenset({"sms"}))
    )
    assert {way.change.kind, other.change.kind} == {ChangeKind.CHANNEL, ChangeKind.PLACEMENT}


async def test_a_value_that_content_lacks(tmp_path: Path) -> None:
    """A variant that lacks a value is told with the value's name."""
    variant = "variants: {v: {content: {default: {t: '{profile.name}'}}}}"
    (counterfactual,) = await counterfactuals(
        tmp_path, f"  a: {{offer: pen, placements: [shelf], {variant}}}", on_the_shelf()
    )
    assert (counterfactual.change.name, counterfactual.change.any_value, counterfactual.wins) == (
        "profile.name",
        True,
        True,
    )


async def test_a_signal_is_brought_about(tmp_path: Path) -> None:
    """A signal that does not hold is told, and the attribute from which it would be concluded."""
    signal = "signals: {adult: {when: {profile.age: {gte: 18}}}}"
    flips = await counterfactuals(
        tmp_path, "  a: {offer: pen, placements: [shelf], when: {signal: adult}}", on_the_shelf(age=3), signal
    )
    assert {(flip.change.name, flip.change.after) for flip in flips} == {
        ("signal.adult", True),
        ("profile.age", 18),
    }


async def test_a_capped_campaign_is_told_its_moment(tmp_path: Path) -> None:
    """After two contacts of the week the moment is that at which the first of them leaves the window, and not before."""
    caps = "pressure: {caps: {weekly: {limit: 1, per: rolling 7d}}}"
    compiled = compiled_book(
        SHOP.replace("consent: sms", "consent: sms, on_silence: confirm"),
        "campaigns: {a: {offer: pen, channels: [sms]}}",
        caps,
    )
    request = Request("ann", NOW, {"profile.phone": "1"}, consents=frozenset({"sms"}))
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        await engine.decide(request)
        later = request._replace(now=NOW + 3_600_000_000)
        (counterfactual,) = flips_of(await explain(engine, later, counterfactuals=True), "a")
        assert (counterfactual.change.kind, counterfactual.change.after, counterfactual.wins) == (
            ChangeKind.TIME,
            NOW + 7 * 86_400_000_000,
            True,
        )
        assert (
            await stage(engine, later._replace(now=NOW + 7 * 86_400_000_000 - 1), "a")
        ) != counterfactual.then
        kept = await explain(engine, later, counterfactuals=True)
    assert kept.campaigns[0].reason.code is ReasonCode.CAPPED


async def test_a_large_book_is_searched_as_far_as_there_is_room(tmp_path: Path) -> None:
    """Of many campaigns those that got furthest are searched, the rest say that they were not; asked for, one is searched."""
    lines = [
        f"  c{n:03}: {{offer: pen, placements: [shelf], when: {{profile.age: {{gte: {n % 120 + 5}}}}}}}"
        for n in range(900)
    ]
    compiled = compiled_book(SHOP, "\n".join(["campaigns:", *lines]))
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        explained = await explain(engine, on_the_shelf(age=1), counterfactuals=True)
        assert {campaign.searched for campaign in explained.campaigns} == {True, False}
        last = explained.campaigns[-1]
        assert (last.searched, last.counterfactuals) == (False, ())
        (alone,) = (
            await explain(engine, on_the_shelf(age=1), counterfactuals=True, only=[last.campaign])
        ).campaigns
    assert alone.searched
    assert alone.counterfactuals


@pytest.mark.parametrize("number", [5e-324, 1e-301, 0.0, 0.12345, 7.0, 1e299])
def test_the_next_value_is_above(number: float) -> None:
    """Whatever the scores of two campaigns, among them propensities near 0, which overflowed."""
    assert candidates._above(number) > number
