"""Simulations: equal to a server's answers, the same for any order of rows, and without side effects."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
import pytest

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.decide.answer import from_json
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.counters import QuotaKey
from engine.ledger.store.rows import DecisionRow
from engine.measure.population.document import document
from engine.measure.population.simulate import PeopleRefused, SimulationPlan, simulate, stage
from engine.measure.population.tally import Tally, Visit
from engine.measure.population.visits import SortEntry, Visits, sorted_entries
from engine.model.instant import to_datetime
from engine.wire.respond import respond
from tests.books import SPRING, compiled_book
from tests.logs import Log
from tests.measure.population.people_files import COLUMNS, people, write_csv
from tests.servers import serving

STOCKED = SPRING.replace("tags: [winter]}", "tags: [winter], stock: 5}").replace(
    "    boosts:", "    control: 50%\n    boosts:"
)
"""With a stock that runs out and a control group."""

START = date(2026, 3, 2)


def check_answers(book: Path, log: Path | Log, decided: Iterable[tuple[Visit, DecisionRow]]) -> None:
    """Fails if a server with this book and log answers a visit otherwise than its row of the simulation says."""
    with (
        serving(book, log, "--allow-simulated-now") as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        stub = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        for visit, row in decided:
            message = DecideRequest()
            message.CopyFrom(visit.message)
            message.now.FromDatetime(to_datetime(visit.now))
            answer, simulated = stub.Decide(message, timeout=60), respond(from_json(row.answer))
            for response in (answer, simulated):
                response.decision_id = ""
            assert answer == simulated


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The small book with a stock and a control group, compiled."""
    return compiled_book(tmp_path_factory.mktemp("spring") / "book", STOCKED)


def run(
    compiled: CompiledBook, path: Path, plan: SimulationPlan, folder: Path
) -> tuple[Tally, list[tuple[Visit, DecisionRow]], bytes]:
    """The counts, all decisions in order, and the document as text."""
    decided: list[tuple[Visit, DecisionRow]] = []
    folder.mkdir()
    staged = stage(path, compiled, plan, folder)
    tally = simulate(compiled, staged, plan, on_decision=lambda visit, row: decided.append((visit, row)))
    return tally, decided, repr(document(tally, staged, plan)).encode()


def of_row(row: DecisionRow) -> tuple[object, ...]:
    """What is compared of two simulations; a withheld offer is in its row, and not in its answer."""
    offered = row.outcome in ("offer", "fallback")
    return (
        row.outcome,
        *((row.campaign, row.offer, row.variant, row.channel, row.score) if offered else ()),
        row.next_allowed_at,
    )


@pytest.mark.parametrize("pattern", ["1/day@10:00", "2/day@08:00-22:00"])
def test_equal_to_a_server(spring: CompiledBook, tmp_path: Path, pattern: str) -> None:
    """A server with a fresh log answers the same requests, one after the other, as the simulation decided."""
    path = write_csv(tmp_path / "people.csv", people(60))
    plan = SimulationPlan(START, 6, 1, Visits.parse(pattern))
    _, decided, _ = run(spring, path, plan, tmp_path / "staged")
    assert {row.outcome for _, row in decided} >= {"offer", "control", "blocked", "nothing"}
    assert any("out_of_stock" in row.answer for _, row in decided)
    book = tmp_path / "book"
    book.mkdir()
    (book / "book.yaml").write_text(STOCKED, encoding="utf-8")
    check_answers(book, tmp_path / "tact.db", decided)


def test_any_order_of_rows_and_only_the_seed(spring: CompiledBook, tmp_path: Path) -> None:
    """The order of rows and columns changes nothing; another seed changes who gets the last of a stock."""
    rows = people(150)
    shuffled = rows[:]
    random.Random(3).shuffle(shuffled)
    turned = [row[::-1] for row in shuffled]
    plan = SimulationPlan(START, 8, 5)
    results = []
    for name, table, columns in (("a", rows, COLUMNS), ("b", turned, COLUMNS[::-1])):
        path = write_csv(tmp_path / f"{name}.csv", table, columns)
        _, decided, text = run(spring, path, plan, tmp_path / name)
        results.append(([of_row(row) for _, row in decided], text))
    assert results[0] == results[1]
    _, other, _ = run(spring, tmp_path / "a.csv", SimulationPlan(START, 8, 6), tmp_path / "c")
    assert [of_row(row) for _, row in other] != results[0][0]


def test_counts_are_those_of_the_decisions(spring: CompiledBook, tmp_path: Path) -> None:
    """Contacts, persons, withheld offers, weeks and stock are what a count over all decisions finds."""
    path = write_csv(tmp_path / "people.csv", people(120))
    plan = SimulationPlan(START, 10)
    tally, decided, _ = run(spring, path, plan, tmp_path / "staged")
    given = [(visit.person, row) for visit, row in decided if row.outcome == "offer"]
    assert sum(form.contacts for form in tally.forms.values()) == len(given) == tally.outcomes["offer"]
    assert tally.reached.count == len({person for person, _ in given})
    assert sum(form.withheld for form in tally.forms.values()) == tally.outcomes["control"]
    for form, count in tally.forms.items():
        own = [person for person, row in given if (row.campaign, row.variant, row.channel) == form]
        assert (count.contacts, count.persons.count) == (len(own), len(set(own)))
    weeks: dict[tuple[int, int], int] = {}
    first = datetime.combine(START, time(), spring.book.timezone).astimezone(UTC)
    for person, row in given:
        week = (to_datetime(row.at) - first).days // 7
        weeks[person, week] = weeks.get((person, week), 0) + 1
    histogram = Counter(tally.distribution().histogram)
    assert tally.weeks == 2
    assert histogram.total() == 2 * 120
    assert {k: v for k, v in histogram.items() if k and v} == {
        number: list(weeks.values()).count(number) for number in set(weeks.values())
    }
    assert tally.taken[QuotaKey("cream/stock", 0)] == sum(row.offer == "cream" for _, row in given)
    assert tally.taken[QuotaKey("cream/stock", 0)] >= 5
    blocked = [row for _, row in decided if "weekly" in row.answer]
    assert 0 < tally.binding["weekly"] <= len([row for _, row in decided])
    assert tally.binding["weekly"] >= len(blocked)


def test_nothing_is_left_behind(spring: CompiledBook, tmp_path: Path) -> None:
    """The temporary log is gone when the simulation ends, and only the sorted people are in the folder."""
    path = write_csv(tmp_path / "people.csv", people(5))
    run(spring, path, SimulationPlan(START, 1, visits=Visits.parse("1/day@08:00-09:00")), tmp_path / "staged")
    assert [file.name for file in (tmp_path / "staged").iterdir()] == ["people"]


def test_a_person_twice_is_a_fault(spring: CompiledBook, tmp_path: Path) -> None:
    """Two rows of one customer are refused, with both rows, whatever lies between them."""
    rows = people(30)
    path = write_csv(tmp_path / "people.csv", [*rows, rows[4]])
    with pytest.raises(PeopleRefused) as refused:
        run(spring, path, SimulationPlan(START, 1), tmp_path / "staged")
    assert [str(fault) for fault in refused.value.faults.first] == [
        "row 32, column customer: 'person-4' is in row 6 already"
    ]


def test_sorting_in_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that do not fit into memory together come out in order, and their files are deleted."""
    monkeypatch.setattr("engine.measure.population.visits._RUN_BYTES", 2_000)
    random_ = random.Random(2)
    entries = [SortEntry(random_.randbytes(16), random_.randbytes(random_.randrange(50))) for _ in range(500)]
    assert list(sorted_entries(iter(entries), tmp_path, "run")) == sorted(entries)
    assert list(tmp_path.iterdir()) == []


def test_visits_a_week_and_at_drawn_times() -> None:
    """A person comes on as many days of each week as stated; drawn times lie in the range and are the person's own."""
    zone, weekly = ZoneInfo("Europe/Paris"), Visits.parse("3/week@10:00")
    for customer in ("ada", "lise"):
        days = [bool(weekly.moments(1, customer, START, day, zone)) for day in range(14)]
        assert (sum(days[:7]), sum(days[7:])) == (3, 3)
    drawn = Visits.parse("4/day@09:00-21:00")
    moments = drawn.moments(1, "ada", START, 0, zone)
    hours = [to_datetime(moment).astimezone(zone).hour for moment in moments]
    assert len(moments) == 4
    assert all(9 <= hour < 21 for hour in hours)
    assert moments != drawn.moments(1, "lise", START, 0, zone)


@pytest.mark.parametrize(
    "text",
    ["", "2/day@10:00", "8/week@10:00", "1/day@21:00-09:00", "1/month@10:00", "1/day@25:00", "0/day@10:00"],
)
def test_patterns_that_are_none(text: str) -> None:
    """A pattern that cannot be meant is refused."""
    with pytest.raises(ValueError, match=r"."):
        Visits.parse(text)
