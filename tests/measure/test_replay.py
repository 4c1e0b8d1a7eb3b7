"""Every logged decision comes out again as it stands in the log, byte by byte, or it is said why it cannot."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.ledger.store.open import open_store
from engine.measure.replay import json_patch
from engine.rulebook.model.book import ScoreKind
from tests.books import compiled_book
from tests.logs import Log
from tests.measure.busy import BUSY, Visits
from tests.replays import assert_replays

OLD = Path(__file__).parents[1] / "ledger" / "log_0_1_0"


def test_a_log_with_everything_on_is_equal(any_log: Log, tmp_path: Path) -> None:
    """Experiments, ramps by conversions, learning, propensities, quotas, pauses, consents, signals, links: all at once."""
    compiled = compiled_book(tmp_path / "book", BUSY)
    Visits(compiled, open_store(any_log.url), seed=14).run(150)
    traces = [json.loads(trace) for (trace,) in any_log.rows("select trace from decisions")]
    inputs = [json.loads(text) for (text,) in any_log.rows("select inputs from decisions")]
    for key in ("learned", "propensities", "experiments", "outcomes", "consents", "contacts"):
        assert sum(bool(trace.get(key)) for trace in traces) > 5, key
    for key in ("signals", "remembered", "recalled_events", "customer", "conversions", "blank", "masked"):
        assert sum(bool(document.get(key)) for document in inputs) > 5, key
    rules = {row[0] for trace in traces for row in trace["counters"] if row[3]}
    assert {"rare/stock", "last/stock", "tired", "breath", "as-wished", "nights"} <= rules, rules
    codes = {row[2] for trace in traces for row in trace["candidates"]}
    assert {"control", "held_out", "ramping", "outranked", "chosen"} <= codes, codes
    assert max(trace["more_candidates"] for trace in traces) > 5
    assert max(len(trace["variants"]) for trace in traces) > 2
    assert assert_replays(any_log.url) == len(traces) > 300


def test_a_log_by_net_scores_is_equal(any_log: Log, tmp_path: Path) -> None:
    """Contacts that are not worth it, and campaigns that went on their second channel at its score."""
    net = BUSY.replace("{name: busy,", "{name: busy, arbitration: {score: net},")
    net = net.replace("    kind: outbound\n", "    kind: outbound\n    cost: 0.3\n").replace(
        "push: {kind: outbound,", "push: {kind: outbound, cost: 1.5,"
    )
    assert net.count("cost: ") == BUSY.count("cost: ") + 2
    compiled = compiled_book(tmp_path / "book", net)
    assert compiled.book.score is ScoreKind.NET
    Visits(compiled, open_store(any_log.url), seed=15).run(80)
    traces = [json.loads(trace) for (trace,) in any_log.rows("select trace from decisions")]
    rows = [row for trace in traces for row in trace["candidates"]]
    assert sum(["not_worth_it", "push"] in row[4] for row in rows) > 5
    assert sum(row[2] == "chosen" for row in rows) > 5
    assert assert_replays(any_log.url) == len(traces) > 150


def test_a_log_of_version_0_1_0_is_equal(tmp_path: Path) -> None:
    """In the form in which it was written, with its book from a folder; without the book it is said what is missing."""
    url = _old_log(tmp_path)
    assert assert_replays(url, OLD) == assert_replays(url, OLD / "book") == 36
    printed = _tact("replay", "--log", url)
    assert printed[0] == 0
    assert "36 decisions: 0 equal, 0 different, 36 not replayable" in printed[1]
    assert "  36: its book is not in the log; --books names folders of books" in printed[1]


def test_what_differs_is_printed_as_a_patch(tmp_path: Path) -> None:
    """A row that somebody changed is found, whatever of it was changed, and the exit code is 1."""
    url = _old_log(tmp_path)
    with closing(sqlite3.connect(tmp_path / "tact.db")) as log, log:
        log.execute(
            "update decisions set answer = replace(answer, '\"A kettle\"', '\"Tea\"') where request_id = 'r-1-0'"
        )
        log.execute("update decisions set score = 9.5 where request_id = 'r-3-0'")
        log.execute(
            "update decisions set trace = replace(trace, '[\"weekly\",1,2', '[\"weekly\",0,2') where request_id = 'r-3-1'"
        )
        log.execute(
            "update decisions set inputs = replace(inputs, '\"Ann 4\"', '\"Ann  4\"') where request_id = 'r-4-0'"
        )
        log.execute("update decisions set trace = '{}' where request_id = 'r-5-0'")
    code, text = _tact("replay", "--log", url, "--books", str(OLD), "--json")
    assert code == 1
    document = json.loads(text)
    patches = {tuple(operation["path"] for operation in one["patch"]) for one in document["differences"]}
    assert document["reasons"] == {"its row is not one that any version has written": 1}
    assert patches == {
        ("/answer/5/0/7/title",),
        ("/trace/counters/1/1",),
    }
    assert (document["decisions"], document["equal"], document["different"]) == (36, 33, 2)
    code, text = _tact("replay", "--log", url, "--books", str(OLD))
    assert code == 1
    assert '  {"op":"replace","path":"/answer/5/0/7/title","value":"A kettle"}' in text.splitlines()


def test_a_period_can_be_chosen(tmp_path: Path) -> None:
    """From a moment on, until before another; a moment without a zone is no moment."""
    url = _old_log(tmp_path)
    begin, second = "2026-03-10T10:00:00+00:00", "2026-03-10T10:00:01+00:00"
    code, text = _tact("replay", "--log", url, "--from", begin, "--to", second)
    assert (code, text.splitlines()[0]) == (0, "1 decisions: 0 equal, 0 different, 1 not replayable")
    code, text = _tact("replay", "--log", url, "--from", "2026-03-10T10:00")
    assert (code, text) == (2, "tact: --from 2026-03-10T10:00 needs a time zone, such as 2026-03-10T10:00Z\n")
    code, text = _tact("replay", "--log", f"sqlite:///{tmp_path}/none.db")
    assert code == 2
    assert "there is no log" in text


def test_a_masked_value_that_the_book_reads_is_named(any_log: Log, tmp_path: Path) -> None:
    """A sensitive value is not in the log, so what was decided by it cannot be decided again; what was not by it can."""
    book = """
        book: {name: masked, timezone: UTC, lawful_basis: {health: consent form 7}}
        attributes:
          profile.mail: {type: text}
          profile.allergy: {type: text, sensitive: health}
        channels: {mail: {kind: outbound, address: profile.mail, consent: not_needed, on_silence: confirm}}
        offers:
          plain: {name: Plain, content: {default: {text: Plain}}}
          safe: {name: Safe, value: 2, content: {default: {text: Safe}}}
        campaigns:
          plain: {offer: plain, channels: [mail]}
          safe: {offer: safe, when: {profile.allergy: nuts}, channels: [mail]}
        """
    compiled = compiled_book(tmp_path / "book", book)
    visits = Visits(compiled, open_store(any_log.url), seed=1)
    visits.decide_each([{"profile.mail": "a"}, {"profile.mail": "a", "profile.allergy": "nuts"}])
    code, text = _tact("replay", "--log", any_log.url, "--json")
    document = json.loads(text)
    assert (code, document["equal"], document["different"], document["not_replayable"]) == (0, 1, 0, 1)
    assert list(document["reasons"]) == ["the log does not hold a masked value that its book reads"]


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, [{"op": "replace", "path": "/a", "value": 1.0}]),
        ({"a/b": 1, "~": 2}, {"c": 3}, [("remove", "/a~1b"), ("remove", "/~0"), ("add", "/c", 3)]),
        ([1, 2, 3], [1], [("remove", "/2"), ("remove", "/1")]),
        ([1], [2, 3], [("replace", "/0", 2), ("add", "/-", 3)]),
        (None, [], [("replace", "", [])]),
    ],
)
def test_a_patch_makes_one_document_of_the_other(before: Any, after: Any, patch: list[Any]) -> None:
    """By the operations of RFC 6902."""
    expected = [
        operation
        if isinstance(operation, dict)
        else dict(zip(("op", "path", "value"), operation, strict=False))
        for operation in patch
    ]
    found = list(json_patch(before, after))
    assert sorted(found, key=str) == sorted(expected, key=str)


def _old_log(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "tact.db")) as log:
        log.executescript((OLD / "log.sql").read_text(encoding="utf-8"))
    return f"sqlite:///{folder}/tact.db"


def _tact(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output
