"""Exports: what they hold, that they follow the log, and that they go on where they were ended."""

import fcntl
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.experiments.subjects import unit_id
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.store.open import migrate_log, open_store
from engine.ledger.store.store import Store
from engine.measure import open_export
from engine.measure.export.export import ExportFailed, export
from engine.measure.export.manifest import NAME, ExportIncomplete, Manifest
from engine.measure.export.tables import all_tables
from engine.model.decision import Outcome
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.measure.export.killed import export_killed
from tests.measure.export.kit import (
    BOOK,
    HOUR,
    NOW,
    SECRET,
    commit,
    content_of,
    decide,
    dicts_of,
    fill,
    outcome,
    request_of,
    rows_of,
)

LOG_0_1_0 = Path(__file__).parents[2] / "ledger" / "log_0_1_0" / "log.sql"
OLD_ID = "0199aaaa-bbbb-7000-8000-000000000000"
"""Of a decision that was logged in October 2025."""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """An open log, on each store in turn."""
    store = open_store(any_log.url, busy_timeout=60)
    yield store
    store.close()


def moment(at: int) -> datetime:
    """As an export has it."""
    return datetime(1970, 1, 1) + timedelta(microseconds=at)  # noqa: DTZ001 -- TIMESTAMP has no zone, and is in UTC


def copy_decision(log: Log, new_id: str) -> str:
    """Adds a copy of some decision with its contacts under another id, as a second server might have; the copied id."""
    ((decision_id,),) = log.rows("SELECT min(decision_id) FROM contacts WHERE state = 'confirmed'")
    for table in ("decisions", "contacts"):
        columns = "decision_id, person, at, book_version, outcome, inputs, trace, answer, campaign, offer, variant, channel"
        if table == "contacts":
            columns = "person, at, decision_id, position, state, channel, kind, campaign, offer, category, tags, zones, alike"
        values = columns.replace("decision_id", f"'{new_id}'")
        log.execute(
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE decision_id = '{decision_id}'"
        )
    return str(decision_id)


def test_offers_are_those_of_the_answers_with_the_withheld_ones(
    any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path
) -> None:
    """By position: what was answered, what a control or a holdout withheld, and the fallback that a page showed instead."""
    decisions = {decision.decision_id: decision for decision in fill(store, compiled)}
    result = export(any_log.url, tmp_path / "out")
    assert result.attribution == compiled.book.version
    made = dicts_of(tmp_path / "out", "decisions")
    assert {row["decision_id"]: row["outcome"] for row in made} == {
        decision_id: decision.outcome for decision_id, decision in decisions.items()
    }
    assert {Outcome.OFFER, Outcome.CONTROL, Outcome.BLOCKED} <= {
        decision.outcome for decision in decisions.values()
    }
    offers = dicts_of(tmp_path / "out", "offers")
    given: dict[str, list[Any]] = {decision_id: [] for decision_id in decisions}
    for row in offers:
        if not row["withheld"]:
            probability = pytest.approx(row["p_variant"] * row["p_treated"])
            given[row["decision_id"]].append(
                (
                    row["campaign"],
                    row["offer"],
                    row["variant"],
                    row["channel"],
                    row["placement"] or "",
                    row["score"],
                    probability,
                )
            )
    for decision_id, decision in decisions.items():
        assert given[decision_id] == [
            (o.campaign, o.offer, o.variant, o.channel, o.placement, o.score, o.selection_probability)
            for o in decision.offers
        ]
    withheld = [row for row in offers if row["withheld"]]
    assert {(row["withheld"], row["withheld_by"], row["state"]) for row in withheld} == {
        ("control", "tea", "shadow"),
        ("held_out", "nobody-writes", "shadow"),
    }
    assert [row["p_treated"] for row in offers if row["campaign"] == "tea"] == pytest.approx(
        [0.8 * 0.7] * sum(row["campaign"] == "tea" for row in offers)
    )
    assert {(row["control_salt"], row["control_share"]) for row in offers if row["campaign"] == "tea"} == {
        ("c", 0.3)
    }
    assert {row["control_share"] for row in offers if row["campaign"] == "cake"} == {None}
    assert {row["kind"] for row in offers if row["campaign"]} == {"inbound", "outbound"}


def test_the_trace_becomes_rows(any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path) -> None:
    """Candidates with rank and tier, readings with campaign and channel, experiments, as the log's JSON has them."""
    fill(store, compiled)
    export(any_log.url, tmp_path / "out")
    expected: dict[str, list[Any]] = {"candidates": [], "readings": [], "experiments": []}
    for decision_id, text in any_log.rows("SELECT decision_id, trace FROM decisions"):
        trace = json.loads(text)
        for rank, (campaign, score, code, name, _, tier) in enumerate(trace["candidates"], 1):
            expected["candidates"].append((decision_id, rank, campaign, tier, score, code, name))
        for rule, counted, limit, blocks, next_at, campaign, channel in trace["counters"]:
            at = None if next_at is None else moment(next_at)
            expected["readings"].append((decision_id, campaign, channel, rule, counted, limit, blocks, at))
        expected["experiments"] += [(decision_id, *row, None) for row in trace.get("experiments", ())]
    for table, rows in expected.items():
        leave_out = ("person", "time", "propensity")
        exported = [
            tuple(value for name, value in row.items() if name not in leave_out)
            for row in dicts_of(tmp_path / "out", table)
        ]
        assert rows, table
        assert sorted(exported, key=str) == sorted(rows, key=str), table


def test_a_language_is_no_unit(any_log: Log, store: Store, tmp_path: Path) -> None:
    """A row of what was drawn has the language, empty if there is only one, before the unit, which it has if one was drawn."""
    book = """
        book: {name: apart, timezone: UTC, salt: s, unit: profile.firm}
        attributes: {profile.firm: {type: text}}
        channels: {web: {kind: inbound}}
        placements: {page: {channel: web, max_offers: 4}}
        offers:
          tea: {name: Tea, content: {default: {title: Tea}}, locales: {de: {title: Tee}}}
          cake: {name: Cake, content: {default: {title: Cake}}}
          pie: {name: Pie, content: {default: {title: Pie}}, locales: {de: {title: Kuchen}}}
          bun: {name: Bun, content: {default: {title: Bun}}}
        campaigns:
          tea: {offer: tea, placements: [page], control: 50%}
          own-pie: {offer: pie, placements: [page], unit: person}
          cake: {offer: cake, placements: [page], control: 50%}
          own-bun: {offer: bun, placements: [page], unit: person}
    """
    attributes = {"profile.firm": "acme", "profile.language": "de-CH"}
    request = Request("ann", NOW, attributes, placement="page", max_offers=4)
    decide(store, compiled_book(tmp_path / "apart", dedent(book)), request)
    ((trace,),) = any_log.rows("SELECT trace FROM decisions")
    firm = unit_id("profile.firm", "acme")
    drawn = {campaign: rest for _, _, _, campaign, *rest in json.loads(trace)["variants"]}
    assert drawn == {"tea": ["de", firm], "own-pie": ["de"], "cake": ["", firm], "own-bun": [""]}
    export(any_log.url, tmp_path / "out")
    units = {row["campaign"]: row["unit"] for row in dicts_of(tmp_path / "out", "offers")}
    assert units == {"tea": firm, "own-pie": None, "cake": firm, "own-bun": None}


def test_times_amounts_and_texts_are_the_logs(
    any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path
) -> None:
    """Microseconds in UTC; tags and names as lists; credits in micro-units, and what is not credited beside them."""
    fill(store, compiled)
    out = tmp_path / "out"
    export(any_log.url, out)
    contacts = any_log.rows(
        "SELECT decision_id, position, person, at, state, category, tags, cost FROM contacts"
    )
    assert [
        (
            row["decision_id"],
            row["position"],
            row["person"],
            row["time"],
            row["state"],
            row["category"],
            row["tags"],
            row["cost"],
        )
        for row in dicts_of(out, "contacts")
    ] == [(*row[:3], moment(row[3]), *row[4:6], json.loads(row[6]), row[7]) for row in sorted(contacts)]
    outcomes = any_log.rows(
        "SELECT event_id, person, type, at, value, currency, order_id, fields FROM outcomes"
    )
    assert [
        tuple(
            row[name]
            for name in ("event_id", "person", "type", "time", "value", "currency", "order_id", "fields")
        )
        for row in dicts_of(out, "outcomes")
    ] == [(*row[:3], moment(row[3]), *row[4:]) for row in sorted(outcomes)]
    assert rows_of(out, "identities") == [("cookie-1", "person-1", moment(NOW + 4 * HOUR), None)]
    assert [row[0] for row in rows_of(out, "books")] == [compiled.book.version]
    orders, parts = dicts_of(out, "conversions"), dicts_of(out, "credits")
    gross, net = (sum(row[name] for row in orders) for name in ("gross", "net"))
    assert (gross, net) == (24 * 12_500_000, 24 * 12_500_000 - 5 * 2_500_000)
    assert {row["how"] for row in parts} == {"view"}
    assert {row["model"] for row in parts} == {"linear"}  # the latest contact of everybody is of tea
    assert {row["shadow"] for row in parts} == {False, True}


def test_what_is_masked_stays_masked(
    any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path
) -> None:
    """Addresses, which texts of answers may hold, and sensitive values are in no file; their names are."""
    fill(store, compiled)
    assert any_log.rows(f"SELECT count(*) FROM decisions WHERE answer LIKE '%{SECRET}%'") != [(0,)]
    export(any_log.url, tmp_path / "out")
    content = {table: rows for table, rows in content_of(tmp_path / "out").items() if table != "books"}
    assert SECRET not in str(content)
    assert "nuts" not in str(content)
    masked = {name for row in dicts_of(tmp_path / "out", "decisions") for name in row["masked"]}
    assert masked == {"profile.allergy", "profile.phone"}


def test_columns_that_begin_with_nulls_keep_their_types(tmp_path: Path) -> None:
    """The driver guesses types from the first rows: 3,000 times NULL, and then a fraction, a text and a time."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 3001)"
    late = [f"CASE WHEN n > 3000 THEN {value} END" for value in ("0.5", "'EUR'", "'o7'", "'d7'", "77")]
    log.execute(
        f"{numbers} INSERT INTO outcomes (person, type, at, event_id, recorded_at, channel, campaign, offer, variant,"
        " fields, alike, value, currency, order_id, decision_id, decided_at)"
        f" SELECT printf('p%05d', n), 'converted', 1, 'e' || n, 2, '', '', '', '', '{{}}', '', {', '.join(late)} FROM n",
        f"{numbers} INSERT INTO decisions (decision_id, person, at, book_version, outcome, inputs, trace, answer, score,"
        " placement, next_allowed_at) SELECT printf('0199aaaa-bbbb-7000-8000-%012d', n), 'p', 1, 'v', 'nothing', '{}', '{}',"
        f" '[]', {late[0]}, {late[1]}, {late[4]} FROM n",
    )
    export(log.url, tmp_path / "out")
    outcomes = dicts_of(tmp_path / "out", "outcomes")
    assert len(outcomes) == 3001
    last = max(outcomes, key=lambda row: row["person"])
    assert [last[name] for name in ("value", "currency", "order_id", "decision_id", "decided_at")] == [
        *(0.5, "EUR", "o7", "d7", moment(77)),
    ]
    assert {(row["value"], row["currency"], row["decided_at"]) for row in outcomes} == {
        *((None, None, None), (0.5, "EUR", moment(77))),
    }
    last = dicts_of(tmp_path / "out", "decisions")[-1]
    assert (last["score"], last["placement"], last["next_allowed_at"]) == (0.5, "EUR", moment(77))


def test_a_log_of_version_0_1_0_is_exported_with_nulls(tmp_path: Path) -> None:
    """As it is and migrated: what that version did not log is NULL, and probabilities follow from the experiments listed."""
    log = Log(f"sqlite:///{tmp_path}/tact.db")
    assert log.path is not None
    with closing(sqlite3.connect(log.path)) as connection:
        connection.executescript(LOG_0_1_0.read_text(encoding="utf-8"))
    export(log.url, tmp_path / "as-it-is")
    migrate_log(log.url)
    export(log.url, tmp_path / "migrated")
    content = content_of(tmp_path / "as-it-is")
    assert content == content_of(tmp_path / "migrated")
    assert len(content["decisions"]) == 36
    for table, column in (
        ("candidates", "tier"),
        ("readings", "campaign"),
        ("readings", "channel"),
        ("outcomes", "order_id"),
    ):
        assert {row[column] for row in dicts_of(tmp_path / "as-it-is", table)} == {None}, table
    offers = dicts_of(tmp_path / "as-it-is", "offers")
    answers = dict(log.rows("SELECT decision_id, answer FROM decisions"))
    shadows = log.rows("SELECT count(*) FROM contacts WHERE state = 'shadow'")
    assert shadows == [(sum(row["withheld"] == "held_out" for row in offers),)] != [(0,)]
    for row in offers:
        assert None not in (row["campaign"], row["offer"], row["channel"])
        answered = {offer[0]: offer for offer in json.loads(answers[row["decision_id"]])[5]}
        if not row["withheld"]:
            assert row["p_variant"] * row["p_treated"] == pytest.approx(answered[row["campaign"]][6])


def test_a_second_export_writes_what_is_new(
    any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path
) -> None:
    """Nothing; a late decision of an earlier month; the state of a contact; names that are linked; a person who is erased."""
    fill(store, compiled)
    out = tmp_path / "out"
    month = f"{datetime.now(UTC):%Y-%m}"
    copied = copy_decision(any_log, OLD_ID)
    export(any_log.url, out)
    assert {path.stem for path in (out / "decisions").iterdir()} == {"2025-10", month}

    def written() -> set[str]:
        """The files that another export replaces."""
        before = {path: path.stat().st_ino for path in out.glob("*/*.parquet")}
        result = export(any_log.url, out)
        after = {path: path.stat().st_ino for path in out.glob("*/*.parquet")}
        changed = {str(path.relative_to(out)) for path in after if after[path] != before.get(path)}
        assert (result.written, result.removed) == (len(changed), len(before.keys() - after.keys()))
        export(any_log.url, tmp_path / "anew")
        assert content_of(out) == content_of(tmp_path / "anew")
        return changed

    of_decisions = ("decisions", "offers", "candidates", "readings", "experiments", "signals", "contacts")
    assert written() == set()
    copy_decision(any_log, OLD_ID.replace("7000", "7abc"))
    assert {name for name in written() if "2025-10" in name} == {
        f"{table}/2025-10.parquet" for table in of_decisions
    }
    commit(store, outcome(compiled, copied, "bounced", NOW + 5 * HOUR, "late"))
    changed = {f"offers/{month}.parquet", f"contacts/{month}.parquet", "outcomes/2026-03.parquet"}
    assert changed <= (files := written())
    assert not any("2025-10" in name or "decisions" in name for name in files)
    commit(store, LinkCommand(("person-2", "person-3"), NOW + 6 * HOUR))
    assert {"identities/all.parquet", f"contacts/{month}.parquet"} <= written()
    for table in ("decisions", "contacts", "outcomes"):
        any_log.execute(f"DELETE FROM {table} WHERE person = 'person-5'")
    assert f"decisions/{month}.parquet" in written()
    assert "person-5" not in str(
        [rows_of(out, table) for table in ("decisions", "offers", "contacts", "credits")]
    )
    any_log.execute(
        *(f"DELETE FROM {table} WHERE decision_id < '{OLD_ID[:8]}z'" for table in ("decisions", "contacts"))
    )
    written()
    assert {path.stem for path in (out / "decisions").iterdir()} == {month}
    any_log.execute("DELETE FROM decisions", "DELETE FROM contacts", "DELETE FROM outcomes")
    written()
    assert {rows_of(out, table) == [] for table in (*of_decisions, "outcomes", "credits")} == {True}


def test_an_export_is_of_one_moment(
    any_log: Log, store: Store, compiled: CompiledBook, tmp_path: Path
) -> None:
    """What a server writes while decisions are read is in none of the files, and in all of them the next time."""
    first = len(fill(store, compiled))

    def serve(done: int, total: int) -> None:
        """Between what was read of contacts and what is read of decisions."""
        if done == 0 and total:
            decide(store, compiled, *(request_of(number, NOW + 400 * HOUR) for number in range(100, 110)))

    export(any_log.url, tmp_path / "out", progress=serve)
    assert len(rows_of(tmp_path / "out", "decisions")) == first
    export(any_log.url, tmp_path / "out")
    assert len(rows_of(tmp_path / "out", "decisions")) == first + 10


def test_many_decisions_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many statements it takes; the progress ends with all of them."""
    log = sqlite_log(tmp_path)
    store, compiled = open_store(log.url), compiled_book(tmp_path / "book", BOOK)
    number = len(fill(store, compiled))
    store.close()
    export(log.url, tmp_path / "whole")
    for size in (1, 7, number):
        monkeypatch.setattr("engine.measure.export.export._CHUNK", size)
        steps: list[tuple[int, int]] = []
        export(log.url, tmp_path / f"by-{size}", progress=lambda *step: steps.append(step))  # noqa: B023 -- called at once
        assert (steps[0], steps[-1]) == ((0, number), (number, number))
        assert content_of(tmp_path / f"by-{size}") == content_of(tmp_path / "whole")


def test_an_export_that_is_killed_goes_on_without_doubles(tmp_path: Path) -> None:
    """Killed again and again, later and later, while the log changes: all listed files are whole, and at last it is done."""
    log = sqlite_log(tmp_path)
    store, compiled = open_store(log.url), compiled_book(tmp_path / "book", BOOK)
    fill(store, compiled)
    copy_decision(log, OLD_ID)
    out, steps, kills = tmp_path / "out", 2, 0
    while True:
        code = export_killed(log.url, out, steps)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        with pytest.raises(ExportIncomplete):
            Manifest.read(out, complete=True)
        with duckdb.connect() as connection:
            for table, parts in Manifest.read(out).parts.items():
                for part, (rows, _) in parts.items():
                    read = connection.read_parquet(str(Manifest(out).file(table, part)))
                    assert read.count("*").fetchall() == [(rows,)]
        if kills == 2:
            decide(store, compiled, *(request_of(number, NOW + 400 * HOUR) for number in range(100, 110)))
        steps += 17
    store.close()
    assert kills > 2
    Manifest.read(out, complete=True)
    export(log.url, tmp_path / "clean")
    assert content_of(out) == content_of(tmp_path / "clean")
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        str(path.relative_to(tmp_path / "clean"))
        for path in (tmp_path / "clean").rglob("*")
        if path.is_file()
    }


def test_credits_of_an_ended_export_are_made_anew(tmp_path: Path) -> None:
    """Where it was ended between contacts and credits, the next one does not take credits of before for those of now."""
    log = sqlite_log(tmp_path)
    store, compiled = open_store(log.url), compiled_book(tmp_path / "book", BOOK)
    decisions = fill(store, compiled)
    export(log.url, tmp_path / "out")
    named = next(decision for decision in decisions if decision.offers)
    commit(
        store,
        outcome(compiled, named.decision_id, "converted", NOW + 9 * HOUR, "more", value=1.0, currency="EUR"),
    )
    store.close()
    manifest = tmp_path / "out" / NAME
    before = json.loads(manifest.read_text(encoding="utf-8"))
    export(log.url, tmp_path / "out")
    after = json.loads(manifest.read_text(encoding="utf-8"))
    for table in ("conversions", "credits", "refunds"):
        after["tables"][table] = before["tables"][table]
    after |= {"complete": False, "credited_from": before["credited_from"]}
    manifest.write_text(json.dumps(after), encoding="utf-8")
    export(log.url, tmp_path / "out")
    export(log.url, tmp_path / "clean")
    assert content_of(tmp_path / "out") == content_of(tmp_path / "clean")


def test_another_version_of_what_hashes_makes_the_export_anew(tmp_path: Path) -> None:
    """Sums of hashes are compared within one version of DuckDB and one layout only."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    written = export(log.url, tmp_path / "out").written
    manifest = tmp_path / "out" / NAME
    assert export(log.url, tmp_path / "out").written == 0
    for key in ("duckdb", "format"):
        document = json.loads(manifest.read_text(encoding="utf-8"))
        manifest.write_text(json.dumps({**document, key: "another"}), encoding="utf-8")
        assert export(log.url, tmp_path / "out").written == written == len(list(all_tables()))


def test_the_attribution_of_another_book_changes_the_credits_alone(tmp_path: Path) -> None:
    """By default that of the log's last decision; or of the book that is given."""
    log = sqlite_log(tmp_path)
    store, compiled = open_store(log.url), compiled_book(tmp_path / "book", BOOK)
    fill(store, compiled)
    store.close()
    out = tmp_path / "out"
    export(log.url, out)
    short = compiled_book(tmp_path / "short", BOOK.replace("{window: 2d}", "{window: 1s}")).book
    result = export(log.url, out, book=short)
    assert (result.attribution, Manifest.read(out).attribution) == (short.version, short.version)
    assert (result.rows["conversions"], result.rows["credits"]) == (24, 0)
    assert result.written == 2


def test_folders_that_are_no_exports_are_left_alone(tmp_path: Path) -> None:
    """One with other files, a log that is not there, and an export that is under way."""
    log = Log(f"sqlite:///{tmp_path}/tact.db")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="is not empty, and holds no export"):
        export(log.url, tmp_path / "mine")
    with pytest.raises(ValueError, match="there is no log"):
        export(log.url, tmp_path / "out")
    open_store(log.url).close()
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ExportFailed, match="another export"):
            export(log.url, tmp_path / "out")
    export(log.url, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == [".lock"]


def test_the_manifest_of_something_else_is_left_alone(tmp_path: Path) -> None:
    """A web page has a manifest.json too: nothing is written beside it. Nor is a file taken for a folder."""
    log, page = sqlite_log(tmp_path), tmp_path / "page"
    open_store(log.url).close()
    page.mkdir()
    for text in ('{"name": "shop", "icons": []}', "[1]", "{half", '{"format": 2, "complete": true}'):
        (page / NAME).write_text(text, encoding="utf-8")
        with pytest.raises(ExportIncomplete, match="is not the manifest of an export: name another folder"):
            export(log.url, page)
        with pytest.raises(ExportIncomplete, match="is not the manifest of an export"):
            Manifest.read(page, complete=True)
        assert [path.name for path in page.iterdir()] == [NAME]
        assert (page / NAME).read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match="is a file, and no folder"):
        export(log.url, page / NAME)
    with pytest.raises(ExportFailed, match=r"manifest.json/out cannot be written: Not a directory"):
        export(log.url, page / NAME / "out")


def test_an_export_that_cannot_begin_leaves_the_one_before_whole(tmp_path: Path) -> None:
    """A log that cannot be read, or too little memory: what was complete is complete, with an error of one line."""
    log, broken = sqlite_log(tmp_path), tmp_path / "broken.db"
    open_store(log.url).close()
    broken.write_bytes(b"no database " * 500)
    export(log.url, tmp_path / "out")
    with pytest.raises(LedgerUnavailable) as unreadable:
        export(f"sqlite:///{broken}", tmp_path / "out")
    assert str(unreadable.value) == "the log could not be read: file is not a database"
    with pytest.raises(ExportFailed) as crowded:
        export(log.url, tmp_path / "out", memory="100KB")
    assert str(crowded.value) == (
        "the export ended early: it needs more memory than 100KB, or more room on disk beyond it"
    )
    with pytest.raises(ValueError, match="is a folder, and no log"):
        export(f"sqlite:///{tmp_path}", tmp_path / "out")
    assert Manifest.read(tmp_path / "out", complete=True).parts


def test_a_folder_may_have_the_name_of_a_pattern(tmp_path: Path) -> None:
    """Brackets, asterisks and quotes in its name are those of the folder, when it is made, followed and read."""
    log, out = sqlite_log(tmp_path), tmp_path / "it's [1] *?"
    store, compiled = open_store(log.url), compiled_book(tmp_path / "book", BOOK)
    fill(store, compiled)
    first = export(log.url, out)
    log.execute("UPDATE contacts SET state = 'released' WHERE state = 'confirmed'")
    assert 0 < export(log.url, out).written < first.written
    store.close()
    assert open_export(out).report(compiled.book).head.decisions == first.rows["decisions"]


def test_files_that_were_taken_away_or_added_are_named(tmp_path: Path) -> None:
    """Whoever reads a complete export reads what it lists; the next export makes it so again."""
    log, out = sqlite_log(tmp_path), tmp_path / "out"
    open_store(log.url).close()
    export(log.url, out)
    (part,) = (out / "offers").iterdir()
    part.rename(copy := part.with_stem("a copy"))
    with pytest.raises(ExportIncomplete, match=r"offers/none.parquet is missing: run `tact export` again"):
        Manifest.read(out, complete=True)
    assert export(log.url, out).removed == 1
    part.rename(copy)
    part.write_bytes(copy.read_bytes())
    with pytest.raises(ExportIncomplete, match=r"offers/a copy.parquet is not of the export: move it"):
        Manifest.read(out, complete=True)
    assert (export(log.url, out).removed, Manifest.read(out, complete=True).folder) == (1, out)
    manifest = json.loads((out / NAME).read_text(encoding="utf-8"))
    (out / NAME).write_text(json.dumps({**manifest, "format": 1}), encoding="utf-8")
    with pytest.raises(ExportIncomplete, match="holds the export of another version"):
        Manifest.read(out, complete=True)
