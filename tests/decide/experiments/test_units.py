"""Draws by company: uniform and independent, the same for all members, apart from persons, and readable in every place."""

import json
from collections import Counter
from functools import partial
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.answer import answer
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.experiments.assignments import assignments
from engine.decide.experiments.bucketing import identity, stable_fraction
from engine.decide.experiments.samples import holdout_sample
from engine.decide.experiments.subjects import DrawSubject, unit_id, units_of
from engine.decide.select import select
from engine.explain.explain import explain
from engine.explain.replay import explain_logged, select_again
from engine.explain.sentences import sentence
from engine.ledger.commit.decision_rows import decision_row
from engine.ledger.commit.replay import logged_decision_of
from engine.ledger.queries.decisions import decision_of
from engine.model.customer import NOTHING_SAID
from engine.model.decision import Decision, Outcome, ReasonCode
from engine.model.request import Request
from engine.model.values import Value
from tests.books import write_book
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import NOW
from tests.decide.experiments.test_bucketing_fair import CELLS, deviation
from tests.explain.engines import engine_on

FIRM = """
book: {name: firm, timezone: Europe/Paris, salt: s, unit: profile.company_id}
attributes:
  profile.company_id: {type: text}
  profile.household: {type: integer}
  profile.phone: {type: text}
channels:
  web: {kind: inbound}
placements:
  hero: {channel: web}
  side: {channel: web}
offers:
  cream: {name: Cream, value: 10, content: {default: {title: Cream}}}
holdouts:
  universal: {share: 20%}
layers:
  tests: {slots: {low: 0-50%, high: 50-100%}}
  people: {unit: person, slots: {low: 0-50%, high: 50-100%}}
campaigns:
  cream:
    offer: cream
    placements: [hero]
    control: 25%
    slot: tests/low
    ramp: {from: 2026-03-01, start: 10%, full: 2026-03-15}
    variants:
      calm: {share: 1, content: {default: {title: Calm}}}
      bold: {share: 1, content: {default: {title: Bold}}}
  home: {offer: cream, placements: [side], control: 50%, unit: profile.household}
  own: {offer: cream, placements: [side], control: 50%, unit: person}
  pages: {offer: cream, placements: [side], control: 50%, slot: people/low}
"""


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """The book of a seller to companies."""
    return compiled_book(FIRM)


def on_page(customer: str, placement: str = "hero", **profile: Value) -> Request:
    """A request for a page's slot."""
    attributes = {f"profile.{name}": value for name, value in profile.items()}
    return Request(customer, NOW, attributes, placement=placement)


def drawn_for(compiled: CompiledBook, request: Request) -> str:
    """What the decision says, apart from its book."""
    made = decided(compiled, request)
    return repr((made.outcome, made.offers, made.reasons, made.selection_probability))


def decided(compiled: CompiledBook, request: Request) -> Decision:
    """The decision, at an empty log."""
    evaluation = evaluate(compiled, request)
    return answer(evaluation, select(evaluation, (), request.customer), "")


def members_differ(compiled: CompiledBook, companies: list[str]) -> int:
    """In how many of the companies ten members do not all get the same."""
    return sum(
        len({drawn_for(compiled, on_page(f"{company}-{member}", company_id=company)) for member in range(10)})
        > 1
        for company in companies
    )


def places(parts: bytes, ids: list[bytes], name: str) -> "np.ndarray[Any, np.dtype[np.floating[Any]]]":
    """The positions of ids whose key begins with the encoded parts, as `stable_fraction` gives them."""
    end, length = identity(name), len(ids[0]).to_bytes(4, "big")
    start = parts + length
    hashes = b"".join([blake2b(start + own + end, digest_size=8).digest() for own in ids])
    return ((np.frombuffer(hashes, ">u8") >> np.uint64(11)) + 0.5) / float(1 << 53)


def chi_square(cells: "np.ndarray[Any, np.dtype[np.int64]]", number: int) -> float:
    """Standard deviations of the chi-square of these cells from its expectation."""
    return deviation(Counter(dict(enumerate(np.bincount(cells, minlength=number).tolist()))), number)


def test_a_million_units_are_uniform_and_independent_of_persons_and_of_other_draws() -> None:
    """Chi-square over 400 intervals, and over pairs with persons of these ids and with another draw: within 4 deviations."""
    start = identity("profile.company_id") + (9).to_bytes(4, "big")
    persons = [b"%09d" % number for number in range(1_000_000)]
    units = [blake2b(start + own, digest_size=16).hexdigest().encode() for own in persons]
    drawn = places(identity("s", "holdout", "profile.company_id"), units, "universal")
    for number in (0, 1, 999_999):
        unit = unit_id("profile.company_id", persons[number].decode())
        key = identity("s", "holdout", "profile.company_id", unit, "universal")
        assert drawn[number] == stable_fraction(key)
    assert abs(chi_square((drawn * 400).astype(int), 400)) < 4
    part = drawn[:200_000]
    for others in (
        places(identity("s", "holdout"), persons[:200_000], "universal"),
        places(identity("s", "control", "profile.company_id"), units[:200_000], "cream"),
    ):
        pairs = (part * CELLS).astype(int) * CELLS + (others * CELLS).astype(int)
        assert abs(chi_square(pairs, CELLS * CELLS)) < 4


def test_the_engine_draws_units_as_the_documentation_says(compiled: CompiledBook) -> None:
    """The position is the hash of salt, purpose, attribute, unit id and name; the id that of attribute and value."""
    sample = holdout_sample(compiled.book.experiments.holdouts["universal"])
    for company in ("acme", "", " ", "李娜"):
        units = units_of(("profile.company_id",), {"profile.company_id": company})
        own = ("profile.company_id", unit_id("profile.company_id", company)) if company.strip() else ("ann",)
        expected = stable_fraction(identity("s", "holdout", *own, "universal"))
        assert sample.position(DrawSubject("ann", units), NOW) == expected
    assert unit_id("profile.household", 7) == unit_id("profile.household", "7")


def test_all_members_of_a_unit_are_alike(compiled: CompiledBook) -> None:
    """Holdout, slot, ramp, control and variant are the same for ten members of each of 60 companies, not of all of them."""
    companies = [f"company-{number}" for number in range(60)]
    assert members_differ(compiled, companies) == 0
    outcomes = {drawn_for(compiled, on_page("ann", company_id=company)) for company in companies}
    assert len(outcomes) >= 5
    by_person = compiled_book(FIRM.replace(", unit: profile.company_id}", "}"))
    assert members_differ(by_person, companies) > 50


def test_a_person_without_the_attribute_is_drawn_by_themself(compiled: CompiledBook) -> None:
    """As in a book without units; a blank company is none."""
    by_person = compiled_book(FIRM.replace(", unit: profile.company_id}", "}"))
    for number in range(100):
        expected = drawn_for(by_person, on_page(f"p{number}"))
        assert drawn_for(compiled, on_page(f"p{number}")) == expected
        assert drawn_for(compiled, on_page(f"p{number}", company_id=" ")) == expected


def test_each_thing_names_its_own_unit(compiled: CompiledBook) -> None:
    """The book's unit holds where nothing is said; a campaign may have another, or `person`."""
    units = units_of(compiled.units, {"profile.company_id": "acme", "profile.household": 7})
    drawn = {(draw.kind, draw.name): draw.unit for draw in assignments(compiled.book, "ann", NOW, units)}
    assert drawn == {
        ("holdout", "universal"): "profile.company_id",
        ("layer", "tests"): "profile.company_id",
        ("layer", "people"): "",
        ("control", "cream"): "profile.company_id",
        ("ramp", "cream"): "profile.company_id",
        ("variant", "cream"): "profile.company_id",
        ("control", "home"): "profile.household",
        ("control", "own"): "",
        ("control", "pages"): "profile.company_id",
    }
    assert compiled.units == ("profile.company_id", "profile.household")
    assert {*compiled.units} <= compiled.referenced


def test_a_rule_on_trial_is_lifted_for_persons() -> None:
    """What a rule costs is measured by person, whatever the book's unit is."""
    text = FIRM + "pressure: {caps: {daily: {limit: 1, per: rolling 1d, count: {kind: inbound}, trial: 50%}}}"
    book = compiled_book(text).book
    units = units_of(("profile.company_id",), {"profile.company_id": "acme"})
    drawn = [draw for draw in assignments(book, "ann", NOW, units) if draw.kind == "trial"]
    alone = [draw for draw in assignments(book, "ann", NOW) if draw.kind == "trial"]
    assert drawn == alone != []


async def test_explain_says_by_what_a_customer_was_drawn(compiled: CompiledBook, tmp_path: Path) -> None:
    """By the company, or by themself if it is not known."""
    zone = compiled.book.timezone
    company = next(
        name
        for name in (f"c{number}" for number in count())
        if decided(compiled, on_page("ann", company_id=name)).outcome is Outcome.CONTROL
    )
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        (known, *_) = (await explain(engine, on_page("ann", company_id=company), only=["cream"])).campaigns
        (alone, *_) = (await explain(engine, on_page("ann"), only=["cream"])).campaigns
    assert sentence(known, zone).endswith("; drawn by profile.company_id.")
    assert alone.reason.code not in (ReasonCode.NOT_ELIGIBLE, ReasonCode.OUTRANKED)
    assert "; drawn by themself, as profile.company_id is not known." in sentence(alone, zone)


@pytest.mark.parametrize("sensitive", ["", ", sensitive: employer"])
async def test_the_log_repeats_a_decision_though_it_leaves_the_unit_out(
    sensitive: str, tmp_path: Path
) -> None:
    """Row for row and byte for byte; the value of a sensitive unit is nowhere in the log, its id is."""
    compiled = compiled_book(
        FIRM.replace("salt: s,", "salt: s, lawful_basis: {employer: contract},").replace(
            "company_id: {type: text}", f"company_id: {{type: text{sensitive}}}"
        )
    )
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        for number in range(12):
            decision = await engine.decide(on_page(f"p{number}", company_id=f"secret-{number}"))
            row = await engine.look(partial(decision_of, decision_id=decision.decision_id))
            assert row is not None
            logged = logged_decision_of(row, compiled).state
            evaluation, selection = select_again(evaluate(compiled, logged.request, logged.learned), logged)
            again = answer(evaluation, selection, decision.decision_id)
            if not sensitive:
                assert row == decision_row(evaluation, row.person, again, selection, NOTHING_SAID)
            assert again == decision
            explained = await explain_logged(engine, decision.decision_id)
            assert not any("different" in note for note in explained.notes)
            assert (f"secret-{number}" in str(row)) is not bool(sensitive)
            assert unit_id("profile.company_id", f"secret-{number}") in row.inputs
            experiments = json.loads(row.trace)["experiments"]
            assert {draw[7] for draw in experiments} == {unit_id("profile.company_id", f"secret-{number}")}


def test_buckets_take_the_unit(tmp_path: Path) -> None:
    """All customers of a company have its places; a value that is no unit of the book is refused."""
    book = write_book(tmp_path / "book", FIRM)

    def run(*options: str) -> tuple[int, str]:
        result = CliRunner().invoke(
            app, ["buckets", str(book), "--on", "2026-03-10", "--customer", "ann", *options]
        )
        return result.exit_code, result.output

    code, output = run("--customer", "bob", "--unit", "profile.company_id=acme", "--json")
    assert code == 0, output
    ann, bob = (json.loads(line)["memberships"] for line in output.splitlines())
    assert [draw["unit"] for draw in ann if "unit" in draw] == ["profile.company_id"] * 6
    for own, other in zip(ann, bob, strict=True):
        assert (own["place"] == other["place"]) == ("unit" in own)
    assert "drawn by" in run("--unit", "profile.company_id=acme")[1]
    assert "drawn by" not in run()[1]
    for wrong in ("profile.company_id", "profile.phone=1", "profile.household=x"):
        assert run("--unit", wrong)[0] == 2


async def test_explain_says_since_when_a_draw_is_kept(tmp_path: Path) -> None:
    """Of a sticky campaign, from the second decision on; also of the logged one."""
    compiled = compiled_book(
        FIRM.replace("control: 25%", "control: 25%\n    sticky: true").replace("    slot: tests/low\n", "")
    )
    zone = compiled.book.timezone
    person = next(
        name for name in (f"n{number}" for number in count()) if decided(compiled, on_page(name)).offers
    )
    with engine_on(compiled, tmp_path / "tact.db") as engine:
        first = (await explain(engine, on_page(person), only=["cream"])).campaigns[0]
        await engine.decide(on_page(person))
        later = on_page(person)._replace(now=NOW + 86_400_000_000)
        second = (await explain(engine, later, only=["cream"])).campaigns[0]
        logged = await explain_logged(engine, (await engine.decide(later)).decision_id, only=["cream"])
    assert "kept" not in sentence(first, zone)
    for explained in (second, logged.campaigns[0]):
        assert "as drawn on 2026-03-10, which is kept" in sentence(explained, zone)
    assert not logged.notes
