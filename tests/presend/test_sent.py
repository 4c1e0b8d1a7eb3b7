"""What was decided for customers is the same whole, in parts and joined, and as a table and its counts."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from engine.model.decision import Outcome, Reason, ReasonCode
from engine.presend.pieces import SCHEMA, PieceTables, read_file, write_part, write_piece
from engine.presend.sent import REFUSED, SentKind, SentKinds, SentRows

SOAP = SentKind(Outcome.OFFER.value, "soap", "soap", "a", "sms", 0.5, (), None, 1_773_000_000_000_000)
NOBODY = SentKind(Outcome.NOTHING.value)
CAPPED = SentKind(Outcome.BLOCKED.value, reasons=(Reason(ReasonCode.CAPPED, "daily"),), next_allowed_at=7)
ORDER = (SOAP, CAPPED, NOBODY, SOAP, CAPPED, SOAP)
"""Those who are capped were evaluated one by one."""


def sent_rows(shared: SentKinds) -> SentRows:
    """Customers with these kinds, and one whose names could not be linked."""
    sent = SentRows.not_linked([f"c{at}" for at in range(len(ORDER) + 1)], shared)
    for at, kind in enumerate(ORDER):
        if kind is CAPPED:
            sent.alone.append(kind._replace(next_allowed_at=at))
            sent.codes[at] = -len(sent.alone)
            continue
        sent.codes[at] = shared.number(kind)
        if kind is SOAP:
            sent.decision_ids[at], sent.scores[at], sent.contents[at] = (
                f"d{at}",
                at / 4,
                {"text": f"Soap {at}"},
            )
    return sent


def test_parts_joined_are_the_whole() -> None:
    """However customers are cut, every one keeps kind, decision, score and texts."""
    shared = SentKinds()
    sent, tables = sent_rows(shared), PieceTables(shared, content=True)
    whole = tables.table_of(sent)
    for cut in range(1, len(sent)):
        parts = [sent.part(0, cut), sent.part(cut, len(sent))]
        assert [len(part.alone) for part in parts] == [np.count_nonzero(part.codes < 0) for part in parts]
        assert tables.table_of(SentRows.joined(parts)).to_pylist() == whole.to_pylist()
        assert pa.concat_tables(map(tables.table_of, parts)).to_pylist() == whole.to_pylist()


def test_the_table_says_what_was_decided(tmp_path: Path) -> None:
    """A kind that came up after an earlier table, and none at all, stand in the row as they are; so they do in the files."""
    shared = SentKinds()
    tables = PieceTables(shared, content=False)
    assert tables.table_of(SentRows.not_linked([], shared)).schema.equals(SCHEMA)
    table = tables.table_of(sent_rows(shared))
    rows = table.to_pylist()
    assert [row["outcome"] for row in rows] == [*(kind.outcome for kind in ORDER), REFUSED]
    assert [row["decision_id"] for row in rows] == ["d0", None, None, "d3", None, "d5", None]
    assert [row["score"] for row in rows] == [0.0, None, None, 0.75, None, 1.25, None]
    assert [row["reasons"] for row in rows][1:3] == [[f"{ReasonCode.CAPPED.value}:daily"], []]
    assert table["next_allowed_at"].cast(pa.int64()).to_pylist() == [None, 1, None, None, 4, None, None]
    for write in (write_piece, write_part):
        file, _ = write(tmp_path, "piece", table)
        assert read_file(tmp_path / file).to_pylist() == rows
        assert read_file(tmp_path / file, ["score", "customer"]).column_names == ["score", "customer"]


def test_the_counts_say_how_many() -> None:
    """Outcomes are counted, those evaluated one by one, and offers by form."""
    counts = sent_rows(SentKinds()).counts()
    assert counts["outcomes"] == {"offer": 3, "blocked": 2, "nothing": 1, REFUSED: 1}
    assert counts["evaluated"] == 2
    assert counts["forms"] == [["offer", "soap", "a", "sms", 3]]
