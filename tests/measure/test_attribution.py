"""Attribution: the agreed cases, the invariant, and the SQL against plain loops."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import count
from pathlib import Path

import duckdb
import pytest
from duckdb import DuckDBPyConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.measure.attribution import DayAmount, MissingRate, Rates, attribute
from engine.model.instant import DAY
from engine.rulebook.model.experiments import Attribution, CreditModel
from tests.measure.naive_attribution import Log, Order, Report, Touch, attributed

HOUR = 3_600_000_000
LAST, LINEAR = CreditModel.LAST_TOUCH, CreditModel.LINEAR


_NUMBERS = count()


@cache
def _duckdb() -> DuckDBPyConnection:
    """The process's DuckDB: to start one takes ten times as long as to attach a database."""
    return duckdb.connect()


def log_of(
    touches: Sequence[Touch], reports: Sequence[Report], names: Mapping[str, str]
) -> DuckDBPyConnection:
    """A connection with the tables that attribution reads, in a database of their own."""
    connection, name = _duckdb().cursor(), f"log_{next(_NUMBERS)}"
    connection.execute(f"ATTACH ':memory:' AS {name}")
    connection.execute(f"USE {name}")
    connection.execute("CREATE TABLE identities (name VARCHAR, person VARCHAR)")
    connection.execute(
        "CREATE TABLE contacts (decision_id VARCHAR, position INTEGER, person VARCHAR, time TIMESTAMP, state VARCHAR,"
        " campaign VARCHAR, offer VARCHAR, channel VARCHAR)"
    )
    connection.execute(
        "CREATE TABLE offers (decision_id VARCHAR, position INTEGER, campaign VARCHAR, offer VARCHAR, variant VARCHAR,"
        " channel VARCHAR, withheld VARCHAR)"
    )
    connection.execute(
        "CREATE TABLE outcomes (event_id VARCHAR, person VARCHAR, type VARCHAR, time TIMESTAMP, recorded_at TIMESTAMP,"
        " decision_id VARCHAR, campaign VARCHAR, value DOUBLE, currency VARCHAR, order_id VARCHAR)"
    )
    for touch in touches:
        decision, position, person, at, state, campaign = touch
        row = [decision, position, person, at, state, campaign]
        connection.execute("INSERT INTO contacts VALUES (?, ?, ?, make_timestamp(?), ?, ?, 'o', 'sms')", row)
        withheld = "control" if state == "shadow" else ""
        connection.execute(
            "INSERT INTO offers VALUES (?, ?, ?, 'o', 'v', 'sms', ?)",
            [decision, position, campaign, withheld],
        )
    for report in reports:
        row = [*report[:3], report.at, report.recorded_at, report.decision or None, report.campaign]
        row += [report.value, report.currency, report.order or None]
        connection.execute(
            "INSERT INTO outcomes VALUES (?, ?, ?, make_timestamp(?), make_timestamp(?), ?, ?, ?, ?, ?)", row
        )
    for name, person in names.items():
        connection.execute("INSERT INTO identities VALUES (?, ?)", [name, person])
    return connection


def orders_of(connection: DuckDBPyConnection) -> tuple[dict[str, Order], list[str]]:
    """What the SQL made, as the naive reference has it. Amounts of the credits have to sum to those of their order."""
    shares: dict[str, dict[tuple[str, int], Fraction]] = defaultdict(dict)
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for event, decision, position, numerator, denominator, gross, net in connection.execute(
        "SELECT event_id, decision_id, position, numerator, denominator, gross, net FROM credits"
    ).fetchall():
        shares[event][decision, -1 if position is None else position] = Fraction(numerator, denominator)
        sums[event][0] += gross
        sums[event][1] += net
    orders = {}
    for event, *values in connection.execute(
        "SELECT event_id, how, gross, net, duplicates, reversed FROM conversions"
    ).fetchall():
        how, gross, net, duplicates, is_reversed = values
        orders[event] = Order(how, gross, net, duplicates, is_reversed, shares[event])
        if shares[event]:
            assert sums[event] == [orders[event].gross, orders[event].net]
    orphans = connection.execute("SELECT event_id FROM refunds WHERE orphan <> '' ORDER BY ALL").fetchall()
    return orders, [event for (event,) in orphans]


def sale(event: str, person: str, at: int, value: float, **fields: str) -> Report:
    """A conversion, `at` in hours, that was recorded at once."""
    return Report(event, person, "converted", at * HOUR, 0, value=value, **fields)


AGREED: Log = (
    [
        Touch("d1", 0, "ada", 0, "confirmed", "tea"),
        Touch("d2", 0, "ada", 24 * HOUR, "confirmed", "cream"),
        Touch("d3", 0, "ada", 100 * HOUR, "confirmed", "soap"),
        Touch("d4", 0, "ada", 101 * HOUR, "released", "soap"),
        Touch("d5", 0, "bo", 10 * HOUR, "confirmed", "tea"),
        Touch("d6", 0, "bo", 10 * HOUR, "confirmed", "cream"),
        Touch("d7", 0, "cy", 0, "shadow", "tea"),
    ],
    [
        Report("c2", "ada", "clicked", 25 * HOUR, 0, "d2"),
        sale("e1", "ada", 110, 60, order="o1"),
        sale("e2", "ada", 111, 60, order="o1"),
        Report("e3", "ada", "refunded", 120 * HOUR, 300 * HOUR, value=20, order="o1"),
        sale("e4", "ada", 200, 30),
        sale("e5", "bo", 10, 12),
        sale("e6", "bo", 178, 5),
        sale("e7", "bo", 9, 7),
        sale("e8", "cy", 50, 40),
        sale("e9", "ada", 130, 9, decision="d1"),
        sale("e10", "zoe", 1, 3),
        sale("e11", "bo", 60, -4, order="o9"),
        sale("e1", "ada", 110, 60, order="o1"),
    ],
    {},
)
"""The agreed cases; windows of 168 hours from delivery and 96 from a click."""
TERMS = Attribution(168 * HOUR, 96 * HOUR, LAST)
MICRO = 1_000_000
WANTED = {
    "e10": Order("none", 3 * MICRO, 3 * MICRO, 0),
    "e7": Order("none", 7 * MICRO, 7 * MICRO, 0),
    "e5": Order("view", 12 * MICRO, 12 * MICRO, 0, shares={("d6", 0): Fraction(1)}),
    "e8": Order("view", 40 * MICRO, 40 * MICRO, 0, shares={("d7", 0): Fraction(1)}),
    "e1": Order("click", 60 * MICRO, 40 * MICRO, 1, shares={("d2", 0): Fraction(1)}),
    "e9": Order("named", 9 * MICRO, 9 * MICRO, 0, shares={("d1", 0): Fraction(1)}),
    "e6": Order("none", 5 * MICRO, 5 * MICRO, 0),
    "e4": Order("view", 30 * MICRO, 30 * MICRO, 0, shares={("d3", 0): Fraction(1)}),
}


def test_the_agreed_cases_are_credited_as_agreed() -> None:
    """One order is one conversion, clicks come first, windows are half-open, shadows get credit, refunds follow."""
    connection = log_of(*AGREED)
    attribute(connection, {}, TERMS)
    assert orders_of(connection) == (WANTED, ["e11"])
    assert attributed(AGREED, {}, TERMS) == (WANTED, ["e11"])
    shadows = connection.execute("SELECT event_id FROM credits WHERE shadow").fetchall()
    assert shadows == [("e8",)]


def test_linear_shares_are_exact_and_their_amounts_sum_to_the_order() -> None:
    """A third each of 10.000001, and of what is left after a refund: the first in rank has the odd micro-unit."""
    touches = [Touch(f"d{n}", 0, "ada", n * HOUR, "confirmed", "tea") for n in range(3)]
    reports = [
        sale("e1", "ada", 5, 10.000001, order="o"),
        Report("e2", "ada", "refunded", 6 * HOUR, 0, value=15, order="o"),
    ]
    connection = log_of(touches, reports, {})
    attribute(connection, {"tea": Attribution(model=LINEAR)}, Attribution())
    rows = connection.execute(
        "SELECT decision_id, numerator, denominator, gross, net, reversed FROM credits ORDER BY 1 DESC"
    ).fetchall()
    assert rows == [
        ("d2", 1, 3, 3_333_334, -1_666_667, True),
        ("d1", 1, 3, 3_333_334, -1_666_666, True),
        ("d0", 1, 3, 3_333_333, -1_666_666, True),
    ]


def test_a_window_counts_from_the_delivery() -> None:
    """A message that was delivered a day after its decision gets credit for a day longer, by its own campaign's window."""
    touches = [Touch("d1", 0, "ada", 0, "confirmed", "tea")]
    delivered = Report("v1", "ada", "delivered", 24 * HOUR, 0, "d1")
    for reports, how in (([delivered], "view"), ([], "none")):
        connection = log_of(touches, [*reports, sale("e1", "ada", 40, 1)], {})
        attribute(connection, {"tea": Attribution(window=DAY)}, Attribution())
        assert connection.execute("SELECT how FROM conversions").fetchall() == [(how,)]


def test_a_named_decision_is_credited_under_any_name_and_without_a_contact() -> None:
    """The whole credit goes to the decision, to equal parts of its offers; of one that is not known the id is kept."""
    touches = [
        Touch("d1", position, "ada", 0, "confirmed", name) for position, name in enumerate(("tea", "soap"))
    ]
    reports = [
        sale("e1", "ada", 500, 5, decision="d1"),
        sale("e2", "ada", 500, 5, decision="d1", campaign="soap"),
        sale("e3", "ada", 500, 5, decision="elsewhere"),
    ]
    connection = log_of(touches, reports, {})
    attribute(connection, {}, Attribution())
    rows = connection.execute(
        "SELECT event_id, decision_id, position, campaign, denominator, how FROM credits ORDER BY ALL"
    ).fetchall()
    assert rows == [
        ("e1", "d1", 0, "tea", 2, "named"),
        ("e1", "d1", 1, "soap", 2, "named"),
        ("e2", "d1", 1, "soap", 1, "named"),
        ("e3", "elsewhere", None, None, 1, "named"),
    ]


def test_what_a_control_buys_is_credited_to_the_withheld_offer_and_not_to_the_fallback() -> None:
    """A page that shows its fallback to the control group compares the withheld offer with the shown one."""
    touches = [Touch("d1", 0, "ada", 0, "shadow", "tea")]
    connection = log_of(touches, [sale("e1", "ada", 1, 5, decision="d1")], {})
    connection.execute("INSERT INTO offers VALUES ('d1', 1, '', 'o', '', 'web', '')")
    attribute(connection, {}, Attribution())
    rows = connection.execute("SELECT campaign, shadow, denominator FROM credits").fetchall()
    assert rows == [("tea", True, 1)]


def test_values_beyond_the_contract_and_infinite_ones_count_as_nothing() -> None:
    """Logs from before the contract had a bound may hold them; the order counts all the same."""
    reports = [sale("e1", "ada", 1, 1e13), sale("e2", "ada", 1, float("inf")), sale("e3", "ada", 1, 1e12)]
    connection = log_of([], reports, {})
    attribute(connection, {}, Attribution())
    rows = connection.execute("SELECT event_id, gross FROM conversions ORDER BY 1").fetchall()
    assert rows == [("e1", 0), ("e2", 0), ("e3", 10**18)]


PERSONS, CAMPAIGNS = ("ada", "bo", "cookie"), ("tea", "cream")
moments = st.integers(0, 12).map(lambda hours: hours * HOUR)
states = st.sampled_from(("confirmed", "confirmed", "shadow", "released", "reserved"))
values = st.sampled_from((0.0, 1.0, 0.1, 10.000001, -2.5))
positions = st.lists(
    st.tuples(st.sampled_from(CAMPAIGNS), states), max_size=2, unique_by=lambda offer: offer[0]
)
decisions = st.lists(st.tuples(st.sampled_from(PERSONS), moments, positions), max_size=6)
outcomes = st.lists(
    st.tuples(
        st.sampled_from(PERSONS),
        st.sampled_from(("converted", "converted", "converted", "refunded", "clicked", "delivered")),
        moments,
        st.sampled_from(("", "", "d0", "d1", "d2", "elsewhere")),
        st.sampled_from(("", "", *CAMPAIGNS)),
        values,
        st.sampled_from(("EUR", "EUR", "CNY")),
        st.sampled_from(("", "o1", "o2")),
    ),
    max_size=10,
)
terms = st.builds(
    Attribution,
    st.integers(1, 8).map(HOUR.__mul__),
    st.integers(1, 8).map(HOUR.__mul__),
    st.sampled_from(CreditModel),
)


@settings(max_examples=120, deadline=None)
@given(decisions, outcomes, terms, terms, st.booleans())
def test_the_sql_does_what_plain_loops_do(
    made: list[tuple[str, int, list[tuple[str, str]]]],
    reported: list[tuple[str, str, int, str, str, float, str, str]],
    of_tea: Attribution,
    otherwise: Attribution,
    linked: bool,
) -> None:
    """On any small log; and per currency the credits and what is not attributed sum to the orders."""
    touches = [
        Touch(f"d{number}", position, person, at, state, campaign)
        for number, (person, at, offers) in enumerate(made)
        for position, (campaign, state) in enumerate(offers)
    ]
    reports = [
        Report(f"e{number}", person, type_, at, number, decision, campaign, value, currency, order)
        for number, (person, type_, at, decision, campaign, value, currency, order) in enumerate(reported)
    ]
    names = {"cookie": "ada"} if linked else {}
    connection = log_of(touches, reports, names)
    attribute(connection, {"tea": of_tea}, otherwise)
    assert orders_of(connection) == attributed((touches, reports, names), {"tea": of_tea}, otherwise)
    left = "SELECT currency, 60 AS sixtieths, gross, net FROM conversions"
    credited = "SELECT currency, 60 // denominator AS sixtieths, gross, net FROM credits"
    credited_or_not = f"{credited} UNION ALL {left} WHERE how = 'none'"
    assert _totals(connection, left) == _totals(connection, credited_or_not)


def _totals(connection: DuckDBPyConnection, source: str) -> list[tuple[str, int, int, int]]:
    """By currency: orders in sixtieths, gross and net."""
    return connection.execute(
        f"SELECT currency, sum(sixtieths), sum(gross), sum(net) FROM ({source}) GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def test_rates_convert_at_the_orders_day_and_one_gap_refuses_the_total(tmp_path: Path) -> None:
    """Exact, rounded once; the currency itself needs no rate. The file begins as spreadsheets write it."""
    path = tmp_path / "rates.csv"
    path.write_text("\ufeffday,currency,rate\n2026-01-01,CNY,0.125\n2026-01-02,CNY,0.13\n", encoding="utf-8")
    rates, day = Rates.read(path, "EUR"), date(2026, 1, 1)
    amounts = [DayAmount(day, "CNY", 100), DayAmount(day, "EUR", 7), DayAmount(day + timedelta(1), "CNY", 50)]
    assert rates.total(amounts) == 26  # 12.5 + 7 + 6.5
    with pytest.raises(MissingRate, match="no rate of CNY into EUR for 2026-01-03"):
        rates.total([*amounts, DayAmount(day + timedelta(2), "CNY", 0)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("day,rate\n2026-01-01,1\n", "no column currency"),
        ("day,currency,rate\n2026-01-01,CNY,soon\n", "line 2: it takes a day such as 2026-03-01, a currency"),
        ("day,currency,rate\n2026-01-01,CNY,0\n", "line 2: a rate is above 0"),
        ("day,currency,rate\n2026-01-01,CNY,1\n2026-01-01,CNY,2\n", "line 3: another rate"),
    ],
)
def test_a_wrong_file_of_rates_names_its_line(tmp_path: Path, text: str, message: str) -> None:
    """Nothing is converted by half a file."""
    path = tmp_path / "rates.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        Rates.read(path, "EUR")
