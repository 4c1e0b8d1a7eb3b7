"""Simulations by columns against those on a log: the same document and the same decisions, byte by byte."""

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch.columns import Codes, ValueColumn
from engine.batch.kernel import CHUNK
from engine.batch.lanes import Disagreement
from engine.batch.logged import NOTHING_LOGGED
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.commit import decision_rows
from engine.measure.population import by_columns, column_tally
from engine.measure.population.document import decisions_csv, document
from engine.measure.population.histories import Histories
from engine.measure.population.simulate import SimulationPlan, simulate, stage
from engine.measure.population.visits import Visits
from engine.model.instant import Instant, to_datetime
from engine.model.request import Request
from engine.rulebook.load import load
from engine.rulebook.model.book import Attribute, AttributeType
from tests.batch.people import requests_for
from tests.decide.arbitrate.shop import NOW, compiled_book
from tests.decide.arbitrate.test_properties import book, campaigns

START = date(2026, 3, 9)
NIGHTLY = Visits.parse("3/week@21:30")

BUSY = """
book: {name: busy, timezone: Europe/Paris, salt: b, currency: EUR, budget: {limit: 7 EUR, per: calendar week}}
attributes:
  profile.age: {type: integer, min: 0, max: 130}
  profile.phone: {type: text}
  profile.mail: {type: text}
  profile.per_week: {type: integer, min: 0}
  profile.cart: {type: text}
channels:
  sms:
    {kind: outbound, address: profile.phone, consent: sms, hold: 40h, on_silence: release, cost: 0.3,
     capacity: {limit: 9, per: calendar day}}
  mail: {kind: outbound, address: profile.mail, consent: mail, cost: 0.1}
offers:
  cream: {name: Cream, value: 3, stock: 60, content: {default: {title: Cream}}}
  soap: {name: Soap, value: 2, stock: 7, content: {default: {title: Soap}}}
  oil: {name: Oil, value: 1, content: {default: {title: Oil}}}
campaigns:
  cart:
    offer: cream
    tier: 1
    when: {profile.cart: {exists: true}}
    channels: [sms, mail]
    limits: {per_customer: {limit: 1, per: rolling 9d, by: profile.cart}}
  cream: {offer: cream, channels: [sms, mail], control: 20%, limits: {total: 8}}
  soap:
    offer: soap
    channels: [mail, sms]
    boosts: [{when: {profile.age: {gte: 40}}, by: 4}]
    variants:
      old: {when: {profile.age: {gte: 60}}, content: {default: {title: Old}}}
      any-age: {share: 2, content: {default: {title: Any}}}
  oil: {offer: oil, channels: [mail], active: {hours: "06:00-12:00", clock: customer}}
pressure:
  caps:
    weekly: {limit: {attribute: profile.per_week, default: 2}, per: rolling 7d, count: {kind: outbound}}
    mails: {limit: 1, per: calendar week, clock: customer, count: {channel: mail}}
  gaps:
    texts: {at_least: 50h, count: {channel: sms}, when: {profile.age: {lt: 70}}}
  quiet:
    nights: {from: "21:00", until: "08:00", channel: sms}
"""


def test_a_book_with_prices_is_simulated_without_them(tmp_path: Path) -> None:
    """And the notes say so, on a log as by columns; those of other books do not."""
    priced = compiled_book(BUSY.replace("currency: EUR,", "currency: EUR, arbitration: {scarce: prices},"))
    for compiled, is_noted in ((priced, True), (busy(), False)):
        people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 20, seed=4))
        notes = check(compiled, people, SimulationPlan(START, 2))["notes"]
        assert any("no plan of prices" in note for note in notes) is is_noted


@cache
def busy() -> CompiledBook:
    """A book with every rule that counts contacts: of a customer, by a value, of all customers, and what they cost."""
    return compiled_book(BUSY)


def write_people(path: Path, compiled: CompiledBook, requests: Sequence[Request], **further: Any) -> Path:
    """The customers as JSON lines, without values that the book refuses. further: columns of the first one."""
    lines = []
    for number, request in enumerate(requests):
        row: dict[str, Any] = {"customer": request.customer, "consents": sorted(request.consents)}
        row |= {"preferred_channels": list(request.preferred_channels)}
        for name, value in request.attributes.items():
            declared = compiled.book.attributes.get(name)
            if name.partition(".")[0] in ("profile", "location", "weather") and _fits(name, declared, value):
                row[name] = _written(declared, value)
        lines.append(json.dumps({**row, **(further if not number else {})}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _fits(name: str, declared: Attribute | None, value: Any) -> bool:
    if value in ("Nowhere", "xx") or (name == "location.latitude" and value > 90):
        return False
    if declared is None:
        return True
    values = value if isinstance(value, tuple) else (value,)
    if declared.one_of is not None and not declared.one_of.issuperset(values):
        return False
    if declared.type in (AttributeType.VERSION, AttributeType.IP):
        return False
    low, high = declared.minimum, declared.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def _written(declared: Attribute | None, value: Any) -> Any:
    if declared is not None and declared.type is AttributeType.TIME:
        return to_datetime(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def simulated(compiled: CompiledBook, people: Path, plan: SimulationPlan) -> tuple[str, bytes]:
    """The document and the decisions' file."""
    with TemporaryDirectory() as folder:
        staged = stage(people, compiled, plan, Path(folder))
        written = Path(folder) / "decisions.csv"
        with decisions_csv(written) as write:
            tally = simulate(compiled, staged, plan, on_row=write)
        return json.dumps(document(tally, staged, plan)), written.read_bytes()


def check(compiled: CompiledBook, people: Path, plan: SimulationPlan) -> dict[str, Any]:
    """Simulates by columns and on a log; the document, which is the same."""
    assert by_columns.covers(compiled, plan)
    columns = simulated(compiled, people, plan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_columns, "covers", lambda *_: False)
        on_log = simulated(compiled, people, plan)
    assert json.loads(columns[0]) == json.loads(on_log[0])
    assert columns == on_log
    document: dict[str, Any] = json.loads(columns[0])
    return document


@pytest.mark.parametrize(
    "name", ["cosmetics-cn", "fan-days", "impulse-near-store", "retail-email", "town-hall"]
)
def test_shipped_books_are_simulated_as_on_a_log(name: str, tmp_path: Path) -> None:
    """By day, and on some nights of a week."""
    loaded = load(Path("rules") / name).book
    assert loaded is not None
    compiled = compile_book(loaded)
    people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 70, seed=3))
    check(compiled, people, SimulationPlan(START, 4))
    check(compiled, people, SimulationPlan(START, 4, visits=NIGHTLY))


@pytest.mark.parametrize("chunk", [CHUNK, 50])
def test_rules_that_count_are_those_of_a_log(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caps, gaps and limits of a customer, holds that lapse, counters that get full and free again, within a day too."""
    monkeypatch.setattr(by_columns, "CHUNK", chunk)
    compiled = busy()
    people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 70, seed=5))
    document = check(compiled, people, SimulationPlan(START, 9, seed=chunk))
    blocked = {rule["rule"] for rule in document["rules"] if rule["blocked"]}
    assert {"weekly", "mails", "texts", "soap/stock", "sms/capacity", "cream/total"} <= blocked
    assert any("budget" in name for name in blocked)
    assert document["outcomes"]["offer"] > 50
    assert document["outcomes"]["control"]


def test_a_night_and_channels_are_those_of_a_log(tmp_path: Path) -> None:
    """Quiet hours where the customers are, when only texts are allowed."""
    compiled = busy()
    people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 60, seed=6))
    document = check(compiled, people, SimulationPlan(START, 8, visits=NIGHTLY, channels=("sms",)))
    assert document["outcomes"]["blocked"]


def test_long_lists_of_candidates_are_cut_as_in_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is beyond the rows of the log is counted, and not looked at."""
    monkeypatch.setattr(decision_rows, "MOST_CANDIDATES", 2)
    monkeypatch.setattr(column_tally, "MOST_CANDIDATES", 2)
    compiled = busy()
    people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 60, seed=7))
    assert any("beyond" in note for note in check(compiled, people, SimulationPlan(START, 4))["notes"])


@settings(max_examples=8, deadline=None)
@given(campaigns(), st.integers(0, 1000))
def test_random_books_are_simulated_as_on_a_log(written: dict[str, Any], seed: int) -> None:
    """Ties, tiers, groups, slots, controls, boosts and variants."""
    compiled = book(written)
    with TemporaryDirectory() as folder:
        people = write_people(Path(folder) / "people.jsonl", compiled, requests_for(compiled, NOW, 40, seed))
        check(compiled, people, SimulationPlan(START, 3, seed=seed))


def test_who_brings_events_is_decided_with_them(tmp_path: Path) -> None:
    """Beside the others, by columns, with the same contacts."""
    compiled = busy()
    events = [{"event_id": "e1", "type": "visit", "at": "2026-03-08T10:00:00Z"}]
    people = write_people(
        tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 30, seed=8), events=events
    )
    check(compiled, people, SimulationPlan(START, 3))


def test_what_columns_do_not_cover_is_simulated_on_a_log(tmp_path: Path) -> None:
    """Visits at moments of their own, further names, and books that read what a log remembers."""
    compiled = busy()
    plan = SimulationPlan(START, 2)
    assert not by_columns.covers(compiled, SimulationPlan(START, 2, visits=Visits.parse("1/day@08:00-09:00")))
    remembering = load(Path("rules/bank-moments")).book
    assert remembering is not None
    assert not by_columns.covers(compile_book(remembering), plan)
    requests = requests_for(compiled, NOW, 20, seed=9)
    people = write_people(tmp_path / "people.jsonl", compiled, requests, aliases=["customer-1"])
    staged = stage(people, compiled, plan, tmp_path)
    assert by_columns.columns_of(staged.path, compiled, tmp_path) is None
    check(compiled, people, plan)


def test_contacts_that_are_overlooked_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns that forget contacts give another document: the comparison can fail."""
    compiled = busy()
    people = write_people(tmp_path / "people.jsonl", compiled, requests_for(compiled, NOW, 60, seed=5))

    def forget(self: Histories, persons: Codes, now: Instant) -> ValueColumn:
        return ValueColumn(persons * 0, [NOTHING_LOGGED])

    monkeypatch.setattr(Histories, "at", forget)
    with pytest.raises((AssertionError, Disagreement)):
        check(compiled, people, SimulationPlan(START, 5))
