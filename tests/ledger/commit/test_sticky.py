"""Sticky campaigns: who was once treated or control stays so, with the variant and the probabilities of the first draw."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.explain.replay import select_again
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decision_rows import decision_row
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.replay import logged_decision_of
from engine.ledger.queries.decisions import decision_of
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.request import Mode, Request
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import DAY, NOW
from tests.logs import Log

BOOK = """
book: {{name: sticky, timezone: Europe/Paris, salt: s}}
attributes:
  profile.firm: {{type: text}}
channels:
  web: {{kind: inbound}}
placements:
  hero: {{channel: web}}
offers:
  cream: {{name: Cream, content: {{default: {{title: Cream}}}}}}
campaigns:
  cream:
    offer: cream
    placements: [hero]
    {more}
    variants:
{variants}
"""


def book(
    control: str = "20%", variants: str = "calm: 1, bold: 1", sticky: str = "sticky: true", more: str = ""
) -> CompiledBook:
    """The book with these shares; `control` empty: there is none."""
    lines = [
        f"      {name}: {{share: {share}, content: {{default: {{title: {name}}}}}}}"
        for name, share in (part.split(": ") for part in variants.split(", "))
    ]
    keys = [key for key in (f"control: {control}" if control else "", sticky, more) if key]
    return compiled_book(BOOK.format(more="\n    ".join(keys) or "tier: 0", variants="\n".join(lines)))


def request(customer: str, at: int = NOW, firm: str = "", aliases: tuple[str, ...] = ()) -> Request:
    """A request for the page."""
    attributes = {"profile.firm": firm} if firm else {}
    return Request(customer, at, attributes, placement="hero", aliases=aliases)


def decide(store: Store, compiled: CompiledBook, *requests: Request) -> list[Decision]:
    """Decides in one group."""
    commands: list[Command[Any]] = [DecideCommand(evaluate(compiled, request)) for request in requests]
    results: list[Any] = commit_group(store, commands)
    assert not [result for result in results if isinstance(result, Exception)], results
    return results


def variant_of(store: Store, decision: Decision) -> tuple[str, float, float]:
    """The variant that was drawn, withheld or not, its probability, and that of being treated."""
    row = decision_of(store, decision.decision_id)
    assert row is not None
    ((variant, probability, treated, *_),) = json.loads(row.trace)["variants"]
    return variant, probability, treated


def is_control(decisions: Sequence[Decision]) -> list[bool]:
    """Whether each was withheld."""
    return [decision.outcome is Outcome.CONTROL for decision in decisions]


SHARES = ("20%", "50%", "5%", "80%", "30%", "60%", "10%", "90%", "40%", "1%", "50%")
WEIGHTS = (1, 9, 1, 30, 2, 1, 5, 1, 40, 1, 3)


def test_shares_changed_ten_times_move_nobody(store: Store) -> None:
    """Treated stay treated, control stays control, the variant stays; the probabilities are those of the first draw."""
    people = [f"p{number}" for number in range(60)]
    first: list[tuple[Outcome, tuple[str, float, float]]] = []
    for change, (share, weight) in enumerate(zip(SHARES, WEIGHTS, strict=True)):
        compiled = book(share, f"calm: 1, bold: {weight}")
        new = people if change == 0 else [*people, f"new-{change}"]
        decisions = decide(store, compiled, *(request(name, NOW + change * DAY) for name in new))
        seen = [(decision.outcome, variant_of(store, decision)) for decision in decisions[: len(people)]]
        first = first or seen
        assert seen == first
    assert {outcome for outcome, _ in first} == {Outcome.OFFER, Outcome.CONTROL}
    assert {drawn for _, drawn in first} == {("calm", 0.5, 0.8), ("bold", 0.5, 0.8)}
    moved = decide(store, book("50%", "calm: 1, bold: 3", sticky=""), *map(request, people))
    assert is_control(moved) != [outcome is Outcome.CONTROL for outcome, _ in first]


def test_each_row_of_the_log_makes_its_decision_again(store: Store) -> None:
    """Byte for byte, kept draws included; the log has the salt and the share of the first draw."""
    for share in SHARES[:4]:
        compiled = book(share)
        for decision in decide(store, compiled, *(request(f"p{number}") for number in range(8))):
            row = decision_of(store, decision.decision_id)
            assert row is not None
            logged = logged_decision_of(row, compiled).state
            evaluation, selection = select_again(evaluate(compiled, logged.request, logged.learned), logged)
            again = answer(evaluation, selection, decision.decision_id)
            assert row == decision_row(evaluation, row.person, again, selection, logged.customer_state)
            ((_, purpose, _, salt, low, high, _),) = json.loads(row.trace)["experiments"]
            assert (purpose, salt, low, high) == ("control", "s", 0.0, 0.2)


def test_draws_of_before_the_campaign_was_sticky_are_kept(store: Store) -> None:
    """Read from the decisions; who comes new is drawn by the shares of then."""
    people = [f"p{number}" for number in range(40)]
    before = decide(store, book("20%", sticky=""), *map(request, people))
    drawn = [variant_of(store, decision) for decision in before]
    for share in ("70%", "3%"):
        after = decide(store, book(share, "calm: 1, bold: 8"), *map(request, people))
        assert is_control(after) == is_control(before)
        assert [variant_of(store, decision) for decision in after] == drawn
    (new,) = decide(store, book("3%", "calm: 1, bold: 8"), request("somebody else"))
    assert variant_of(store, new)[2] == 0.97


def test_who_was_treated_before_there_was_a_control_stays_treated(store: Store) -> None:
    """With the probability 1 of then; another salt draws anew."""
    people = [f"p{number}" for number in range(30)]
    decide(store, book(control=""), *map(request, people))
    later = decide(store, book("60%"), *map(request, people))
    assert not any(is_control(later))
    assert {variant_of(store, decision)[2] for decision in later} == {1.0}
    anew = decide(store, book("{share: 60%, salt: second}"), *map(request, people))
    assert 5 < sum(is_control(anew)) < 30


def test_a_variant_is_kept_while_it_exists(store: Store) -> None:
    """Of a variant that is gone its people are drawn among the others, and stay there; it comes back with them."""
    people = [f"p{number}" for number in range(40)]
    first = [variant_of(store, made)[0] for made in decide(store, book(), *map(request, people))]
    second = [
        variant_of(store, made)[0]
        for made in decide(store, book(variants="bold: 1, new: 1"), *map(request, people))
    ]
    assert {"bold", "new"} == {new for old, new in zip(first, second, strict=True) if old == "calm"}
    assert {new for old, new in zip(first, second, strict=True) if old == "bold"} == {"bold"}
    third = decide(store, book(variants="bold: 1, new: 1, third: 90"), *map(request, people))
    assert [variant_of(store, made)[0] for made in third] == second
    back = decide(store, book(variants="calm: 1, bold: 9, new: 9"), *map(request, people))
    assert [variant_of(store, made)[0] for made in back] == first


@pytest.mark.parametrize("first_control", [True, False])
def test_of_linked_names_the_earlier_draw_holds(store: Store, first_control: bool) -> None:
    """Whichever name the person is stored under."""
    compiled = book("50%")
    names = [
        next(f"n{number}" for number in range(100) if _is_control(compiled, f"n{number}") is control)
        for control in (first_control, not first_control)
    ]
    decide(store, compiled, request(names[0]))
    decide(store, compiled, request(names[1], NOW + DAY))
    commit_group(store, [LinkCommand((names[1], names[0]), NOW + 2 * DAY)])
    for name in names:
        (made,) = decide(store, book("1%"), request(name, NOW + 3 * DAY))
        assert is_control([made]) == [first_control]


def _is_control(compiled: CompiledBook, person: str) -> bool:
    evaluation = evaluate(compiled, request(person))
    (candidate,) = evaluation.candidates
    (sample,) = candidate.compiled_campaign.campaign_channels["web"].withholding
    return sample.has(evaluation.subject(person), NOW)


def test_all_members_of_a_company_keep_its_draw(store: Store) -> None:
    """Who comes after the shares have changed is treated as the colleagues were, also in the same group of commands."""
    unit = "unit: profile.firm"
    firms = [f"f{number}" for number in range(30)]
    first = decide(store, book("30%", more=unit), *(request(f"a-{firm}", firm=firm) for firm in firms))
    later = book("80%", "calm: 1, bold: 20", more=unit)
    for member in "bc":
        second = decide(store, later, *(request(f"{member}-{firm}", firm=firm) for firm in firms))
        assert is_control(second) == is_control(first)
        assert [variant_of(store, made) for made in second] == [variant_of(store, made) for made in first]
    together = decide(store, later, *(request(f"{member}-new", firm="new") for member in "abcdef"))
    assert len({(made.outcome, variant_of(store, made)) for made in together}) == 1


def test_a_preview_sees_what_is_kept_and_keeps_nothing(store: Store) -> None:
    """Before the first decision it draws by the shares; afterwards it shows the kept draw."""
    compiled = book("50%")
    name = next(f"n{number}" for number in range(100) if not _is_control(compiled, f"n{number}"))
    preview = request(name)._replace(mode=Mode.PREVIEW)
    assert is_control(decide(store, compiled, preview)) == [False]
    assert is_control(decide(store, book("99.9%"), preview)) == [True]
    decide(store, compiled, request(name))
    assert is_control(decide(store, book("99.9%"), preview)) == [False]


def test_two_servers_at_once_keep_one_draw(any_log: Log) -> None:
    """With books of different shares, on the same persons and on different members of the same companies."""
    numbers, barrier = range(24), Barrier(2)

    def serve(control: str, member: str) -> list[tuple[str, str, Outcome]]:
        compiled = book(control, more="unit: profile.firm")
        server = open_store(any_log.url)
        outcomes = []
        try:
            barrier.wait(30)
            for number in numbers:
                names = (request(f"p{number}"), request(f"{member}{number}", firm=f"f{number}"))
                for key, made in zip("pf", decide(server, compiled, *names), strict=True):
                    outcomes.append((f"{key}{number}", variant_of(server, made)[0], made.outcome))
        finally:
            server.close()
        return outcomes

    open_store(any_log.url).close()
    with ThreadPoolExecutor(2) as pool:
        few, many = (pool.submit(serve, *server) for server in (("5%", "a"), ("95%", "b")))
        assert few.result(60) == many.result(60)
    kept = any_log.rows("SELECT subject, purpose, count(*) FROM assignments GROUP BY subject, purpose")
    assert len(kept) == 4 * len(numbers)
    assert {number for _, _, number in kept} == {1}
