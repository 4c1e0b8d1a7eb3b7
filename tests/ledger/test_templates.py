"""Rows that are alike but for a few texts are written as they would be one by one."""

from contextlib import closing
from uuid import UUID

import pytest

from engine.ledger.store.open import open_store
from engine.ledger.store.rows import ContactRow, DecisionRow
from engine.ledger.store.templates import RowTemplate, copied_texts
from engine.presend.sent import new_decision_ids
from tests.logs import Log

STAND_INS = ("<id>", "<person>", "<score>")
ODD = ("plain", "a\\b", "tab\there", "line\nbreak", "back\r", "100 % %s %(x)s", "é 漢 🙂", "\\N", "")


def test_rows_are_kept_as_they_are(any_log: Log) -> None:
    """Whatever the texts hold: backslashes, tabs, ends of lines, percent signs, and what COPY takes for no value."""
    made = DecisionRow(
        *("<id>", None, "<person>", 5, "v1", "offer", "c%s\\", "o\t1", None, "mail", None, 0.0, 0.5, None, 7),
        *('{"a": "x\\\\y"}', '{"t": []}', '["<id>", "", "<score>", "100 %"]', "spring"),
    )
    decision = RowTemplate([*made[:11], "<score>", *made[12:]], STAND_INS)
    contact = RowTemplate(
        ContactRow(*("<person>", 5, "<id>", 0, "reserved", 9, "mail", "outbound", "c", "o", "k", "[]")),
        STAND_INS,
    )
    ids, scores = new_decision_ids(len(ODD)), [str(number + 0.25) for number in range(len(ODD))]
    with closing(open_store(any_log.url)) as store, store.transaction():
        store.load_alike(DecisionRow, [decision] * len(ODD), [ids, ODD, scores])
        store.load_alike(ContactRow, [contact] * len(ODD), [ids, ODD, scores])
    columns = "decision_id, request_id, person, campaign, offer, score, expires_at, run"
    rows = any_log.rows(f"SELECT {columns} FROM decisions ORDER BY decision_id")
    assert rows == [
        (own, None, person, "c%s\\", "o\t1", float(score), 7, "spring")
        for own, person, score in zip(ids, ODD, scores, strict=True)
    ]
    assert sorted(any_log.rows("SELECT person, decision_id, state FROM contacts")) == sorted(
        (person, own, "reserved") for own, person in zip(ids, ODD, strict=True)
    )


@pytest.mark.parametrize("text", ODD)
def test_a_line_of_copy(text: str) -> None:
    """A value is escaped wherever it stands, so that none is taken for a missing one."""
    line = RowTemplate((None, text, "<id>", True, "a<id>b"), ("<id>",)).line(copied_texts([text]))
    assert line.endswith("\n")
    assert line.count("\n") == 1
    missing, plain, own, flag, inside = line[:-1].split("\t")
    assert (missing, flag, plain, inside) == ("\\N", "t", own, f"a{own}b")
    assert (plain == "\\N") is False


def test_ids_are_uuids_of_version_7() -> None:
    """Ascending and distinct, as other readers of UUIDs have them."""
    ids = new_decision_ids(1000)
    assert ids == sorted(set(ids))
    assert {(UUID(own).version, UUID(own).variant) for own in ids} == {(7, UUID(ids[0]).variant)}
    assert UUID(ids[0]).variant == "specified in RFC 4122"
    assert new_decision_ids(0) == []
