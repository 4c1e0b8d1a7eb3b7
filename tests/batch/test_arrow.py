"""Record batches against the engine: every field of the decision of every customer, and values that do not fit."""

import itertools
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import arrow, draws, people
from engine.batch.arrow import ArrowReader, BatchRefused
from engine.batch.columns import AttributeRows, Chunk
from engine.batch.decide import decide_batch, decisions_batch
from engine.batch.draws import CustomerHashes
from engine.batch.kernel import Kernel
from engine.batch.lanes import ColumnPlan
from engine.batch.results import decide_by_engine
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.bucketing import identity, stable_fraction, stable_hash
from engine.measure.population.people import RowReader
from engine.wire.messages.requests import request
from engine.wire.parse import Parser
from tests.batch.test_kernel import rich
from tests.decide.arbitrate.shop import NOW

TEXTS = (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()))
ROW = st.fixed_dictionaries(
    {
        "age": st.sampled_from((None, 0, 39, 40, 60, 130)),
        "score": st.sampled_from((None, 0.0, -0.0, 0.25, 0.6, 0.61, 1.0)),
        "name": st.sampled_from((None, "", " ", "Bo", "Li", "\u3000", "李")),
        "phone": st.sampled_from((None, "", "1", " ")),
        "per_week": st.sampled_from((None, 0, 1, 2**53)),
        "tags": st.sampled_from((None, [], ["vip"], ["a", "vip"])),
        "sms": st.sampled_from((None, True, False)),
        "mail": st.booleans(),
    }
)


def batch_of(rows: list[dict[str, object]], kind: pa.DataType) -> pa.RecordBatch:
    """The customers as a batch, with texts of this kind."""
    text = {"name", "phone"}
    types = {"age": pa.int32(), "score": pa.float64(), "per_week": pa.int64(), "tags": pa.list_(pa.string())}
    columns = {"customer": pa.array([f"c{row}" for row in range(len(rows))], kind)}
    for name, own in types.items():
        columns[f"profile.{name}"] = pa.array([row[name] for row in rows], own)
    for name in text:
        columns[f"profile__{name}"] = pa.array([row[name] for row in rows], pa.string()).cast(kind)
    columns["profile.mail"] = pa.array([f"{row}@example.org" for row in range(len(rows))], kind)
    for purpose in ("sms", "mail"):
        columns[f"consent__{purpose}"] = pa.array([row[purpose] for row in rows], pa.bool_())
    return pa.RecordBatch.from_pydict(columns)


def reader_of(compiled: CompiledBook) -> ArrowReader:
    """A reader for sends at NOW."""
    return ArrowReader(compiled, NOW, (), RowReader(compiled))


@settings(max_examples=30, deadline=None)
@given(st.lists(ROW, max_size=12), st.sampled_from(TEXTS), st.sampled_from((1, 5, 100)))
def test_batches_are_decided_as_requests(rows: list[dict[str, object]], kind: pa.DataType, size: int) -> None:
    """Nulls, blanks, zeros with signs, 2**53, lists and every form of text, over the borders of chunks."""
    compiled, batch = rich(), batch_of(rows, kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrow, "CHUNK", size)
        decided = decide_batch(Kernel(compiled, ColumnPlan(NOW, verified=1.0)), reader_of(compiled), batch)
    parser = Parser(compiled)
    expected = []
    for at, row in enumerate(rows):
        profile: dict[str, Any] = {
            name: row[name] for name in ("age", "score", "name", "phone", "per_week", "tags")
        }
        consents = [purpose for purpose in ("sms", "mail") if row[purpose]]
        message = request(f"c{at}", profile={**profile, "mail": f"{at}@example.org"}, consents=consents)
        expected.append(decide_by_engine(compiled, parser.parse(message, NOW)).decision)
    assert decided.column("customer").to_pylist() == [f"c{at}" for at in range(len(rows))]
    assert decided.column("outcome").to_pylist() == [own.outcome.value for own in expected]
    chosen = [own.chosen[0] if own.chosen else None for own in expected]
    for name in ("campaign", "variant", "channel", "score"):
        assert decided.column(name).to_pylist() == [own and getattr(own, name) for own in chosen]
    assert decided.column("selection_probability").to_pylist() == [
        own.selection_probability for own in expected
    ]
    assert decided.column("next_allowed_at").cast(pa.int64()).to_pylist() == [
        own.next_allowed_at for own in expected
    ]


def test_requests_of_rows_are_those_of_a_server() -> None:
    """Which a group needs that decides a customer by the log."""
    row: dict[str, Any] = {
        "age": 61,
        "score": 0.5,
        "name": "Bo",
        "phone": "1",
        "per_week": 2,
        "tags": ["vip"],
        "sms": True,
    }
    compiled = rich()
    people = reader_of(compiled).people(batch_of([{**row, "mail": False}], pa.string()))
    profile = {name: value for name, value in row.items() if name != "sms"}
    message = request("c0", profile={**profile, "mail": "0@example.org"}, consents=["sms"])
    sent = Parser(compiled).parse(message, NOW)
    assert people.request(0) == sent


def test_values_that_do_not_fit_are_refused_with_row_and_column() -> None:
    """Wrong types, bounds, numbers that are none, and ids; all are counted, and the first are kept."""
    nan = float("nan")
    batch = pa.RecordBatch.from_pydict(
        {
            "customer": ["a", " ", None],
            "profile.age": [40, 131, 5],
            "profile.score": [nan, 0.5, 2.0],
            "profile__name": [1, None, 2],
        }
    )
    with pytest.raises(BatchRefused) as refused:
        reader_of(rich()).people(batch)
    assert refused.value.count == len(refused.value.faults) == 7
    places = {(fault.row, fault.column) for fault in refused.value.faults}
    assert places == {
        (1, "customer"),
        (2, "customer"),
        (1, "profile.age"),
        (0, "profile.score"),
        (2, "profile.score"),
        (0, "profile__name"),
        (2, "profile__name"),
    }
    texts = {
        "customer": ["a"],
        "consents": ["sms"],
        "consent__mail": ["true"],
        "preferred_channels": [[None]],
    }
    with pytest.raises(BatchRefused) as refused:
        reader_of(rich()).people(pa.RecordBatch.from_pydict(texts))
    assert [fault.column for fault in refused.value.faults] == [
        "consents",
        "consent__mail",
        "preferred_channels",
    ]
    for columns, message in (
        ({"customer": ["a"], "profile.age": [1], "profile__age": [2]}, "the same attribute"),
        ({"customer": ["a"], "events": [[1]]}, "come as requests"),
    ):
        with pytest.raises(BatchRefused, match=message):
            reader_of(rich()).people(pa.RecordBatch.from_pydict(columns))
    with pytest.raises(BatchRefused, match="no such column"):
        reader_of(rich()).people(pa.RecordBatch.from_pydict({"id": ["a"]}))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from((None, "", " ", "a", "~b", "é", "\0", "a\0b", "李", "x" * 200, "x" * 201)),
        max_size=12,
    ),
    st.integers(0, 12),
    st.integers(0, 12),
    st.booleans(),
)
def test_octets_of_texts_say_what_the_texts_say(
    texts: list[str | None], start: int, length: int, hidden: bool
) -> None:
    """Of parts of arrays too, and where the buffer has octets of texts that are missing."""
    whole = pa.array(texts, pa.string())
    if hidden:
        full = pa.array([text or "\0" for text in texts], pa.string())
        valid = pa.array([text is not None for text in texts])
        bits = pa.array([1 if own.as_py() else None for own in valid]).buffers()[0]
        whole = pa.StringArray.from_buffers(len(full), full.buffers()[1], full.buffers()[2], bits)
    array = whole.slice(start, length)
    kept = array.to_pylist()
    visible = ["!" <= text[:1] <= "~" if text else False for text in kept]
    assert people.begin_visibly(array).tolist() == visible
    if array.null_count == 0:
        plain = all(0 < len(text) <= 200 and all("!" <= sign <= "~" for sign in text) for text in kept)
        assert arrow.are_plain_ids(array) == plain
    has_nul = any("\0" in (text or "") for text in kept)
    assert arrow.has_nul(array) == (has_nul or (hidden and None in kept))


def test_hashes_are_those_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit by bit, also where weights are so near that the engine draws."""
    names = ["a", "", "längerer-name", "李", *map(str, range(50))]
    rows = list(range(len(names))) * 2
    suffixes = [identity(f"campaign{row % 3}") for row in rows]
    hashes = CustomerHashes(names, Chunk(AttributeRows([{}] * len(names))), ())
    prefix = identity("salt", "purpose")
    keys = [prefix + identity(names[row]) + end for row, end in zip(rows, suffixes, strict=True)]
    hashed = hashes.hashes(prefix, pa.array(rows).to_numpy(), suffixes)
    assert hashed.tolist() == list(map(stable_hash, keys))
    fractions = hashes.fractions(prefix, pa.array(rows).to_numpy(), suffixes)
    assert fractions.tolist() == list(map(stable_fraction, keys))
    monkeypatch.setattr(draws, "_NEAR", 1.0)
    rows_of = [
        dict(zip(("sms", "mail"), own, strict=True)) for own in itertools.product((True, False), repeat=2)
    ]
    plain = {"age": 61, "score": 0.9, "name": "Bo", "phone": "1", "per_week": 2, "tags": []}
    test_batch = batch_of([{**plain, **own} for own in rows_of * 9], pa.string())
    kernel = Kernel(rich(), ColumnPlan(NOW, verified=1.0))
    assert kernel.decide_people(reader_of(rich()).people(test_batch)).names
    assert kernel.funnel.verified == len(test_batch)


def test_a_batch_of_decisions_has_a_row_a_customer() -> None:
    """Also where nothing is decided."""
    kernel = Kernel(rich(), ColumnPlan(NOW))
    empty = decisions_batch(kernel.decide_people(reader_of(rich()).people(batch_of([], pa.string()))))
    assert empty.num_rows == 0
    assert "score" in empty.schema.names


def test_texts_of_nobody_need_no_buffers() -> None:
    """Of an empty array the offsets may be left out."""
    empty = pa.StringArray.from_buffers(0, pa.py_buffer(b""), pa.py_buffer(b""))
    assert people.begin_visibly(empty).tolist() == []
    assert arrow.are_plain_ids(empty)
    assert not arrow.has_nul(empty)
