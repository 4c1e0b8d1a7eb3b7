"""People files by columns: the same requests, faults and ignored columns as row by row, whatever stands in the file."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook, compile_book
from engine.measure.population import columns as by_columns
from engine.measure.population.columns import ColumnFile
from engine.measure.population.people import PeopleReader
from engine.model.request import Request
from engine.rulebook.load import load_files
from tests.measure.population.people_files import write_csv, write_lines

BOOK = """
book: {name: kinds, timezone: Europe/Paris}
attributes:
  profile.email: {type: text}
  profile.born: {type: date}
  profile.seen: {type: time}
  profile.topics: {type: list of text}
  profile.sizes: {type: list of integer}
  profile.rates: {type: list of number}
  profile.score: {type: number, min: 0, max: 1}
  profile.worth: {type: number}
  profile.tier: {type: text, one_of: [gold, silver]}
  profile.member: {type: boolean}
  profile.visits: {type: integer, min: 0}
  profile.app: {type: version}
  profile.address: {type: ip}
  profile.unused: {type: integer, max: 9}
  profile.home.town: {type: text}
channels:
  mail: {kind: outbound, address: profile.email, consent: mail}
  sms: {kind: outbound, address: profile.home.town, consent: sms}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  tea:
    offer: tea
    channels: [mail, sms]
    when:
      any:
        - {profile.born: {gt: 1990-01-01}, profile.seen: {within: 3d}, profile.topics: {has: tea}, profile.sizes: {has: 3}}
        - {profile.score: {gt: 0}, profile.member: true, profile.visits: {gt: 2}, profile.worth: {lt: 3}}
        - {profile.tier: gold, profile.app: {gte: 1.2.0}, profile.address: {in_network: [10.0.0.0/8]}}
        - {profile.rates: {size: {gt: 0}}}
        - {location.country: FR, location.city: {exists: true}, weather.temperature_c: {lt: 5}}
        - {profile.language: fr, profile.time_zone: {exists: true}, weather.tomorrow.frost: true}
"""
NUMBERS = (0, 1, -0.0, 0.5, 3, 3.0, 2**53, 2**63, -1, 1e101, 0.25)
TEXTS = (
    "",
    " ",
    "x",
    "gold",
    "1.2.3",
    "10.0.0.1",
    "fr",
    "FR",
    "Europe/Paris",
    "2026-03-01",
    "2026-03-01T10:00",
    "é 𝄞",
    "n\0l",
)
ANY = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.booleans(),
    st.none(),
    st.lists(st.sampled_from(("tea", "", "x")), max_size=2),
    st.lists(st.sampled_from((1, 3, 0.5)), max_size=2),
    st.sampled_from(([None], [["x"]], [{"a": 1}], {"a": 1}, {}, "x" * 5000)),
)
FITTING: Mapping[str, Sequence[Any]] = {
    "profile.email": ("a@example.org", " ", "", "x" * 300),
    "profile__born": ("1991-02-03", "2026-13-01"),
    "profile.seen": ("2026-03-09T10:00:00Z", "2026-03-09T10:00", "2026-10-25T02:30", "2026-03-29T02:30"),
    "profile.topics": (["tea", ""], [], ["x"]),
    "profile.sizes": ([1, 2**53], [], [3.0, 1]),
    "profile.rates": ([0.5], [1, 0.5]),
    "profile.score": (0.5, 0, 1, 0.25, 2, -0.0),
    "profile.worth": (5, 5.5, -0.0, 2**40),
    "profile.tier": ("gold", "silver", "bronze"),
    "profile__member": (True, False),
    "profile.visits": (3, 3.0, 2.5, 0),
    "profile.app": ("1.2.3", "x"),
    "profile.address": ("10.0.0.1", "::1", "x"),
    "profile.unused": (3, 10),
    "profile.home.town": ("Lyon",),
    "location.country": ("FR", "fr", "", "XX"),
    "location.city": ("Lyon", ""),
    "weather.temperature_c": (3, 3.5, -300),
    "weather.tomorrow.frost": (True, False),
    "profile.language": ("fr", "", "de-CH"),
    "profile.time_zone": ("Europe/Paris", "", "Nowhere"),
    "consents": (["mail"], ["sms", "other"], []),
    "consent__mail": (True, False),
    "consent__sms": (True,),
    "consent__smss": (True,),
    "preferred_channels": (["mail"], ["sms", "mail"]),
    "aliases": (["a-2"], ["c-0"], []),
    "profile.scoer": (1,),
    "town": ("Lyon",),
}
DOCUMENT = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(*4 * [st.sampled_from(own[:2])], st.sampled_from(own), ANY)
        for name, own in FITTING.items()
    }
    | {
        "profile": st.one_of(
            st.fixed_dictionaries(
                {},
                optional={
                    "score": st.sampled_from((0.5, None, 7)),
                    "tier": st.sampled_from(("gold", None, "x")),
                    "home": st.sampled_from(({"town": "Lyon"}, {"twon": "Nice"}, {}, None, {"town": None})),
                    "unknown": st.sampled_from((1, None)),
                    "home__town": st.just("Nice"),
                },
            ),
            ANY,
        ),
        "location": st.sampled_from(({"city": "Lyon"}, {"city": None, "country": "FR"}, "x")),
        "events": st.sampled_from(([{"type": "purchase", "at": "2026-03-09T12:00:00Z"}], [], [1], "x")),
    },
)
CUSTOMER = st.one_of(
    *9 * [st.sampled_from(("c-0", "c-1", "é 𝄞", "x" * 200, "c-2", "c-3"))],
    st.sampled_from(("", " ", "x" * 201, "n\0l", 7, None)),
)


@pytest.fixture(scope="module")
def kinds() -> CompiledBook:
    """A book that refers to an attribute of every type."""
    book = load_files({"book.yaml": BOOK.encode()}).book
    assert book is not None
    return compile_book(book)


def one_by_one(path: Path, compiled: CompiledBook) -> tuple[Any, ...]:
    """The requests by row with the types of their values, the faults and their number, and what is ignored."""
    reader = PeopleReader(path, compiled)
    requests = {person.row: described(person.request) for person in reader.people()}
    return requests, list(map(str, reader.faults.first)), reader.faults.count, reader.ignored


def in_columns(path: Path, compiled: CompiledBook) -> tuple[Any, ...]:
    """The same by columns."""
    file = ColumnFile(path, compiled, 0)
    requests: dict[int, Any] = {}
    for chunk in file.chunks():
        requests |= {int(row): described(chunk.people.request(at)) for at, row in enumerate(chunk.rows)}
        requests |= {person.row: described(person.request) for person in chunk.persons}
    return requests, list(map(str, file.faults.first)), file.faults.count, file.ignored


def described(request: Request) -> tuple[str, list[str]]:
    """A request with the types of its values; names of attributes that nobody reads do not count."""
    values = sorted(f"{name}={value!r}" for name, value in request.attributes.items())
    return repr(request._replace(attributes={}, ignored=(), consents=frozenset())), [
        *values,
        *sorted(request.consents),
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(CUSTOMER, DOCUMENT), max_size=8), st.sampled_from((1, 3, 100)))
def test_json_lines(kinds: CompiledBook, rows: list[tuple[object, dict[str, Any]]], size: int) -> None:
    """Of any values at any place."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_columns, "CHUNK", size)
        documents = [{"customer": customer, **document} for customer, document in rows]
        path = write_lines(Path(folder) / "people.jsonl", [*documents, [1]][: len(documents) + (size == 1)])
        assert in_columns(path, kinds) == one_by_one(path, kinds)


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    st.lists(st.sampled_from(list(FITTING)), unique=True, max_size=12),
    st.sampled_from((1, 3, 100)),
)
def test_csv(kinds: CompiledBook, data: st.DataObject, names: list[str], size: int) -> None:
    """Of any texts, also where a row is too short."""

    def text(value: Any) -> str:
        if isinstance(value, str):
            return value
        return "|".join(map(str, value)) if isinstance(value, list) else json.dumps(value)

    rows = [
        [
            str(data.draw(CUSTOMER)),
            *(
                text(
                    data.draw(
                        st.one_of(
                            *4 * [st.sampled_from(FITTING[name][:2])], st.sampled_from(FITTING[name]), ANY
                        )
                    )
                )
                for name in names
            ),
        ]
        for _ in range(data.draw(st.integers(0, 6)))
    ]
    if rows and data.draw(st.integers(0, 5)) == 0:
        rows[-1].append("one more")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_columns, "CHUNK", size)
        path = write_csv(Path(folder) / "people.csv", rows, ["customer", *names])
        assert in_columns(path, kinds) == one_by_one(path, kinds)


SEEN = datetime(2026, 3, 9, 10, 0, 0, 5, tzinfo=UTC).replace(tzinfo=None)
"""Of no zone, as most files have it."""
EVENT = pa.struct([("type", pa.string()), ("at", pa.string())])
ARRAYS: Mapping[str, Sequence[tuple[pa.DataType, Sequence[Any]]]] = {
    "profile.email": [
        (pa.string(), ("a", "", " ", "n\0l", None)),
        (pa.large_string(), ("a", None)),
        (pa.dictionary(pa.int8(), pa.string()), ("a", "b", None)),
        (pa.int64(), (1,)),
    ],
    "profile__born": [
        (pa.date32(), (date(1991, 2, 3), date(1, 1, 1), None)),
        (pa.string(), ("1991-02-03", "x")),
        (pa.timestamp("us"), (SEEN,)),
    ],
    "profile.seen": [
        (pa.timestamp("us", tz="UTC"), (SEEN.replace(tzinfo=UTC), None)),
        (pa.timestamp("ms", tz="Europe/Paris"), (datetime(2026, 3, 9, tzinfo=UTC),)),
        (
            pa.timestamp("us"),
            (
                SEEN,
                SEEN.replace(month=10, day=25, hour=2, minute=30),
                SEEN.replace(day=29, hour=2, minute=30),
                None,
            ),
        ),
        (pa.date32(), (date(2026, 3, 9),)),
    ],
    "profile.topics": [(pa.list_(pa.string()), (["tea"], [], [None], None))],
    "profile.sizes": [(pa.list_(pa.int64()), ([3], [], None)), (pa.list_(pa.float64()), ([3.0], [0.5]))],
    "profile.score": [
        (pa.float64(), (0.5, -0.0, 0.0, 1.0, 1.5, float("nan"), None)),
        (pa.float32(), (0.1, 0.5, None)),
        (pa.int8(), (0, 1, None)),
        (pa.decimal128(4, 3), (Decimal("0.125"), Decimal("0.100"), None)),
        (pa.decimal128(30, 3), (Decimal("0.125"), None)),
    ],
    "profile.worth": [
        (pa.int64(), (1, 2, 3, 2**62, -5, None)),
        (pa.uint64(), (1,)),
        (pa.float64(), (1e101, 2.5, 7.0)),
    ],
    "profile.tier": [(pa.string(), ("gold", "silver", "x", None))],
    "profile.member": [(pa.bool_(), (True, False, None)), (pa.int64(), (1,))],
    "profile.visits": [
        (pa.int32(), (1, 2, 3, -1, None)),
        (pa.float64(), (3.0, 2.5)),
        (pa.uint32(), (1, 4_000_000_000)),
    ],
    "profile.unused": [(pa.int64(), (1, 2, 3, 10))],
    "weather.temperature_c": [(pa.int64(), (1, 2, 3)), (pa.float64(), (1.5, -300.0, None))],
    "location.country": [(pa.string(), ("FR", "fr", "", "XX"))],
    "profile": [
        (
            pa.struct(
                [("age", pa.int64()), ("score", pa.float64()), ("home", pa.struct([("town", pa.string())]))]
            ),
            ({"age": 1, "score": 0.5, "home": {"town": "Lyon"}}, {"score": 7.0, "home": None}, None),
        )
    ],
    "consents": [(pa.list_(pa.string()), (["mail"], ["sms", "mail"], [None], None))],
    "consent__mail": [(pa.bool_(), (True, False, None)), (pa.string(), ("true",))],
    "preferred_channels": [(pa.list_(pa.string()), (["mail"], None))],
    "aliases": [(pa.list_(pa.string()), (["a-2"], ["c-0", "c-0"], [""], None))],
    "events": [
        (
            pa.list_(pa.struct([("type", pa.string()), ("at", pa.string())])),
            ([{"type": "purchase", "at": "2026-03-09T12:00:00Z"}], [], None),
        )
    ],
    "scoer": [(pa.float64(), (1.0, None)), (pa.map_(pa.string(), pa.string()), ([("a", "b")], None))],
}


@settings(max_examples=200, deadline=None)
@given(
    st.data(), st.lists(st.sampled_from(list(ARRAYS)), unique=True, max_size=10), st.sampled_from((1, 3, 100))
)
def test_parquet(kinds: CompiledBook, data: st.DataObject, names: list[str], size: int) -> None:
    """Of columns of any type."""
    number = data.draw(st.integers(0, 6))
    customers = [
        data.draw(st.sampled_from(("c-0", "c-1", "é 𝄞", " ", "x" * 201, None))) for _ in range(number)
    ]
    columns: dict[str, pa.Array] = {"customer": pa.array(customers, pa.string())}
    for name in names:
        kind, values = data.draw(st.sampled_from(ARRAYS[name]))
        columns[name] = pa.array([data.draw(st.sampled_from(values)) for _ in range(number)], kind)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_columns, "CHUNK", size)
        path = Path(folder) / "people.parquet"
        pq.write_table(pa.table(columns), path)
        assert in_columns(path, kinds) == one_by_one(path, kinds)


@pytest.mark.parametrize(
    ("moment", "zone"), [(10**18, "UTC"), (-(10**18), "UTC"), (-62_135_596_800_000_000, None)]
)
def test_times_that_nobody_has(kinds: CompiledBook, tmp_path: Path, moment: int, zone: str | None) -> None:
    """Of years that Python does not have, also in the book's time zone, are faults of their rows."""
    path, type_ = tmp_path / "people.parquet", pa.timestamp("us", tz=zone)
    seen = pa.array([moment, 0], type_)
    pq.write_table(pa.table({"customer": ["c-0", "c-1"], "profile.seen": seen}), path)
    by_row, *faults = one_by_one(path, kinds)
    assert (list(by_row), faults[0]) == (
        [2],
        ["row 1, column profile.seen: needs a time of the years 1 to 9999"],
    )
    assert in_columns(path, kinds) == (by_row, *faults)


def test_times_that_cannot_be_read(kinds: CompiledBook, tmp_path: Path) -> None:
    """Of which the microseconds do not fit into 64 bits, name the file."""
    path = tmp_path / "people.parquet"
    seen = pa.array([10**16], pa.timestamp("ms", tz="UTC"))
    pq.write_table(pa.table({"customer": ["c-0"], "profile.seen": seen}), path)
    with pytest.raises(ValueError, match=r"people\.parquet: Conversion Error"):
        one_by_one(path, kinds)
