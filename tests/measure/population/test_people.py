"""Reading people: the same persons from CSV, JSON lines and Parquet, and every fault with its row and column."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.measure.population.files import MissingExtra
from engine.measure.population.people import PeopleReader, plain_value
from engine.rulebook.load import load_files
from tests.books import compiled_book
from tests.measure.population.people_files import people, write_csv, write_lines


@pytest.fixture(scope="module")
def spring(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The small book, compiled."""
    return compiled_book(tmp_path_factory.mktemp("spring") / "book")


def faults_of(path: Path, compiled: CompiledBook) -> list[str]:
    """The faults of the file, each on one line."""
    reader = PeopleReader(path, compiled)
    for _ in reader.people():
        pass
    assert reader.faults.count >= len(reader.faults.first)
    return [str(fault) for fault in reader.faults.first]


def messages_of(path: Path, compiled: CompiledBook) -> list[str]:
    """The persons of the file as text."""
    reader = PeopleReader(path, compiled)
    messages = [str(person.message) for person in reader.people()]
    assert reader.faults.first == []
    return messages


DOCUMENTS = [
    {
        "customer": "ada",
        "aliases": ["cookie-1"],
        "profile": {
            "phone": "+44 1",
            "score": 0.5,
            "member": True,
            "interests": ["lotion", "tea"],
            "age": 40,
        },
        "profile.birthday": "1986-03-10",
        "profile__last_visit": "2026-02-20T10:00+01:00",
        "weather": {"temperature_c": 3},
        "consents": ["sms"],
        "preferred_channels": ["sms", "wechat"],
    },
    {"customer": "lise", "profile": {"phone": "+44 2"}, "consent__sms": True, "location": {"country": "FR"}},
]
CSV = """\
customer,aliases,profile.phone,profile.score,profile__member,profile.interests,profile.age,profile.birthday,\
profile__last_visit,weather.temperature_c,consents,preferred_channels,consent__sms,location.country
ada,cookie-1,+44 1,0.5,true,lotion|tea,40,1986-03-10,2026-02-20T10:00+01:00,3,sms,"[""sms"",""wechat""]",,
lise,,+44 2,,,,,,,,,,true,FR
"""


def test_three_formats_one_meaning(spring: CompiledBook, tmp_path: Path) -> None:
    """CSV, JSON lines and Parquet give the same requests; names are dotted, with __, or in structs."""
    lines = write_lines(tmp_path / "people.jsonl", DOCUMENTS)
    (tmp_path / "people.csv").write_text(CSV, encoding="utf-8-sig")
    parquet = tmp_path / "people.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"""COPY (
            SELECT 'ada' AS customer, ['cookie-1'] AS aliases,
              {{'phone': '+44 1', 'score': 0.5::DECIMAL(3,2)::DOUBLE, 'member': true,
                'interests': ['lotion', 'tea'], 'age': 40}} AS profile,
              DATE '1986-03-10' AS "profile.birthday",
              TIMESTAMPTZ '2026-02-20 10:00:00+01' AS profile__last_visit,
              3.0::DECIMAL(4, 1) AS "weather.temperature_c",
              ['sms'] AS consents, ['sms', 'wechat'] AS preferred_channels, NULL::BOOLEAN AS consent__sms,
              NULL::VARCHAR AS "location.country"
            UNION ALL SELECT 'lise', NULL,
              {{'phone': '+44 2', 'score': NULL, 'member': NULL, 'interests': NULL, 'age': NULL}},
              NULL, NULL, NULL, NULL, NULL, true, 'FR') TO '{parquet}' (FORMAT parquet)"""
        )
    expected = messages_of(lines, spring)
    assert "cookie-1" in expected[0]
    assert messages_of(tmp_path / "people.csv", spring) == expected
    assert messages_of(parquet, spring) == expected


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("profile.age", "40.5", "needs a whole number, not '40.5'"),
        ("profile.age", "140", "must be at most 130, not 140"),
        ("profile.score", "half", "needs a number, not 'half'"),
        ("profile.member", "yes", "needs true or false, not 'yes'"),
        ("profile.birthday", "10.03.1986", "needs a date such as 2026-03-10, not '10.03.1986'"),
        ("profile.last_visit", "yesterday", "needs a time such as 2026-03-10T10:00, not 'yesterday'"),
        ("consent__sms", "1", "needs true or false, not '1'"),
        ("aliases", '["a", 1]', "needs a list of texts"),
        ("profile.interests", "[lotion]", "needs a list such as a|b or a JSON list, not '[lotion]'"),
    ],
)
def test_faults_in_csv(spring: CompiledBook, tmp_path: Path, column: str, value: str, fault: str) -> None:
    """A value that is not of the declared type, or out of its range, is a fault of its row and column."""
    path = write_csv(tmp_path / "people.csv", [["ada", ""], ["lise", value]], ["customer", column])
    assert faults_of(path, spring) == [f"row 3, column {column}: {fault}"]


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"customer": "ada", "profile.age": "40"}, "row 1, column profile.age: "),
        ({"customer": "ada", "profile": {"member": "true"}}, "row 1, column profile.member: "),
        ({"customer": 7}, "row 1, column customer: needs the customer's id, a text"),
        ({"customer": " "}, "row 1, column customer: needs the customer's id, a text"),
        ({"customer": "ada", "weather": {"temperature_c": "3"}}, "row 1, column weather.temperature_c: "),
        ({"customer": "ada", "profile": ["x"]}, "row 1, column profile: needs a struct of attributes"),
        ({"customer": "ada", "events": [1]}, "row 1, column events: needs a list of events"),
        ([1], "row 1: is no JSON object"),
    ],
)
def test_faults_in_json(spring: CompiledBook, tmp_path: Path, document: object, fault: str) -> None:
    """Nothing is converted: a text is no number."""
    (fault_line,) = faults_of(write_lines(tmp_path / "people.jsonl", [document]), spring)
    assert fault_line.startswith(fault)


def test_the_first_twenty_faults_and_the_number_of_all(spring: CompiledBook, tmp_path: Path) -> None:
    """Twenty faults are kept, and all are counted."""
    rows = [[f"p-{i}", "old"] for i in range(1000)]
    reader = PeopleReader(write_csv(tmp_path / "people.csv", rows, ["customer", "profile.age"]), spring)
    assert list(reader.people()) == []
    assert (len(reader.faults.first), reader.faults.count) == (20, 1000)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "row 1: the file is empty"),
        (b"customer;profile.age\nada;1\n", "row 1: fields are divided by commas, not by semicolons"),
        (b"customer,customer\nada,1\n", "row 1: the column 'customer' is there twice"),
        (b"Customer,profile.age\nada,1\n", "there is no column 'customer'; is it 'Customer'?"),
        (
            b"customer,profile.age,profile__age\nada,1,2\n",
            "the columns 'profile.age' and 'profile__age' are of",
        ),
        (
            "customer,profile.age\nada,1\n".encode("utf-16"),
            "row 1: the header is not in UTF-8: save the file as CSV",
        ),
        (b"customer,profile.age\nada,1,2\n", "row 2: has 3 fields, and the header has 2"),
        (b"customer,profile.phone\nada,\xff\n", "row 2, column profile.phone: is not in UTF-8"),
        (
            b'customer,profile.phone\nada,"x\n',
            "row 2: cannot be read, nor what follows: unexpected end of data",
        ),
    ],
)
def test_files_that_are_no_tables(spring: CompiledBook, tmp_path: Path, content: bytes, fault: str) -> None:
    """What is wrong with a whole file, or from a row on, is said."""
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    first = faults_of(path, spring)[0]
    assert first.startswith(fault), first


def test_ignored_columns_are_listed_with_what_was_meant(spring: CompiledBook, tmp_path: Path) -> None:
    """A column that the book does not declare is not read; the attribute most like it is named."""
    columns = ["customer", "profile.agee", "tier", "shoe_size", "consent__smss"]
    path = write_csv(tmp_path / "people.csv", [["ada", "1", "gold", "38", "true"]], columns)
    reader = PeopleReader(path, spring)
    assert len(list(reader.people())) == 1
    assert reader.ignored == {
        "profile.agee": "profile.age",
        "tier": "profile.tier",
        "shoe_size": "",
        "consent__smss": "consent__sms",
    }


def test_kept_attributes(spring: CompiledBook, tmp_path: Path) -> None:
    """An attribute that the book does not declare is kept where persons are to be compared by it."""
    document = {"customer": "ada", "profile": {"gender": "f", "member": True}, "location": {"country": "FR"}}
    path = write_lines(tmp_path / "people.jsonl", [document])
    reader = PeopleReader(path, spring, kept=["profile.gender"])
    (person,) = reader.people()
    names = ("profile.gender", "profile.member", "location.country", "profile.age", "location.city")
    assert [plain_value(person.message, name) for name in names] == ["f", "true", "FR", None, None]


def test_unknown_endings(spring: CompiledBook, tmp_path: Path) -> None:
    """A file of another kind is refused with the kinds that there are."""
    with pytest.raises(ValueError, match=r"\.csv, \.jsonl, \.ndjson, \.parquet"):
        PeopleReader(tmp_path / "people.xlsx", spring)


def test_parquet_without_duckdb(tmp_path: Path) -> None:
    """Without the extra a Parquet file is refused with what to install; a CSV file is read."""
    path = write_csv(tmp_path / "people.csv", people(3))
    (tmp_path / "people.parquet").write_bytes(b"PAR1")
    script = (
        "import sys; sys.modules['duckdb'] = None\n"
        "from pathlib import Path\n"
        "from engine.measure.population.files import open_file, MissingExtra\n"
        "print(len(list(open_file(Path(sys.argv[1])).rows)))\n"
        "try: open_file(Path(sys.argv[2]))\n"
        "except MissingExtra as error: print(error)\n"
    )
    command = [sys.executable, "-c", script, str(path), str(tmp_path / "people.parquet")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "3\nParquet files need DuckDB: install tact[measure]\n"
    assert issubclass(MissingExtra, Exception)


def test_a_file_that_is_no_parquet(spring: CompiledBook, tmp_path: Path) -> None:
    """A damaged Parquet file is refused with what DuckDB says."""
    (tmp_path / "people.parquet").write_bytes(json.dumps(DOCUMENTS).encode())
    with pytest.raises(ValueError, match=r"people\.parquet"):
        PeopleReader(tmp_path / "people.parquet", spring)


def test_versions_and_addresses_are_texts(tmp_path: Path) -> None:
    """In CSV a version is read as text, also one that looks like a number; elsewhere a number is a fault."""
    loaded = load_files(
        {
            "book.yaml": b"""
            book: {name: phones, timezone: UTC}
            attributes: {profile.app: {type: version}, profile.ip: {type: ip}}
            """
        }
    )
    assert loaded.book is not None
    phones = compile_book(loaded.book)
    columns = ["customer", "profile.app", "profile.ip"]
    path = write_csv(tmp_path / "people.csv", [["ada", "1.10", "::1"], ["lise", "v2", "10.0"]], columns)
    assert sorted(fault[:60] for fault in faults_of(path, phones)) == [
        "row 3, column profile.app: must be a version by SemVer 2.0.0",
        "row 3, column profile.ip: must be an IP address, for example",
    ]
    (message,) = messages_of(write_csv(path, [["ada", "1.10", "::1"]], columns), phones)
    assert "1.10" in message
    lines = write_lines(tmp_path / "people.jsonl", [{"customer": "ada", "profile.app": 1.1}])
    assert faults_of(lines, phones) == [
        "row 1, column profile.app: must be of type version, not number: send it as text"
    ]
