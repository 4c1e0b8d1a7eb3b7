"""From decisions of a real ledger to the report: exported, computed, printed and written by `tact report`."""

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import compile_book
from engine.engine import Engine
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.measure import open_export, open_log
from engine.measure.export.export import export
from engine.model.decision import Decision, Outcome
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.outcome import OutcomeType
from engine.model.request import Request
from tests.logs import Log
from tests.measure.report.exports import BEGIN, BOOK, book_of

PERSONS = 1_500
WIDE = {"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}


class Played(NamedTuple):
    """What was done with the log, counted while it was done."""

    url: str
    rules: Path
    treated: int
    control: int
    bought: dict[bool, int]
    """Persons who bought, by whether they were treated."""


async def played(log: Log, folder: Path) -> Played:
    """Decides twice for every person, and reports deliveries and orders with a true effect."""
    book = book_of()
    compiled, rng = compile_book(book), random.Random(14)
    ledger = Ledger(open_store(log.url))
    engine = Engine(compiled, ledger)
    first: dict[str, Decision] = {}
    begin = from_datetime(BEGIN)
    for visit in range(2):
        requests = [
            Request(
                f"person-{index}", begin + visit * DAY + index * SECOND, {"profile.email": "a@example.com"}
            )
            for index in range(PERSONS)
        ]
        for start in range(0, PERSONS, 300):
            for decision in await engine.decide_all(requests[start : start + 300]):
                assert isinstance(decision, Decision), decision
                name = requests[(decision.at - begin - visit * DAY) // SECOND].customer
                first.setdefault(name, decision)
    bought = {True: 0, False: 0}
    reports = []
    for name, decision in first.items():
        treated = decision.outcome is Outcome.OFFER
        at = decision.at + 3_600 * SECOND
        if treated:
            event = Event(f"d-{name}", OutcomeType.DELIVERED, at, {})
            reports.append(ReportCommand(compiled, "", decision.decision_id, event, at))
        if rng.random() < 0.15 + 0.2 * treated:
            bought[treated] += 1
            event = Event(f"o-{name}", OutcomeType.CONVERTED, at + SECOND, {"value": 20.0, "currency": "EUR"})
            reports.append(ReportCommand(compiled, name, "", event, at))
    for start in range(0, len(reports), 300):
        await engine.record(reports[start : start + 300])
    ledger.close()
    rules = folder / "book"
    rules.mkdir()
    (rules / "book.yaml").write_text(BOOK, encoding="utf-8")
    number = sum(decision.outcome is Outcome.OFFER for decision in first.values())
    return Played(log.url, rules, number, PERSONS - number, bought)


async def test_a_log_becomes_a_report(any_log: Log, tmp_path: Path) -> None:
    """The arms, their orders and the effect are those that were played, on either store, from Python."""
    game = await played(any_log, tmp_path)
    report = open_log(game.url).report(book_of())
    effect = report.figures["cream"]
    assert (effect.treated_rate.persons, effect.treated.persons, effect.control.persons) == (
        PERSONS,
        game.treated,
        game.control,
    )
    assert (effect.treated.value, effect.control.value) == (game.bought[True], game.bought[False])
    assert effect.uplift.low is not None
    assert effect.uplift.high is not None
    assert 0 < effect.uplift.low < 0.2 < effect.uplift.high
    frame = report.uplift.frame()
    assert frame.columns[:3] == ["campaign", "metric", "treated"]
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        first = connection.execute("SELECT metric, treated FROM frame").fetchone()
    assert first == ("converted", float(game.bought[True]))
    (orders,) = report.grid("orders").rows
    assert [orders[name].value for name in ("orders", "credited", "to withheld", "unattributed")] == [  # type: ignore[union-attr]
        sum(game.bought.values()),
        game.bought[True],
        game.bought[False],
        0,
    ]


@pytest.fixture
async def game(tmp_path: Path) -> Played:
    """A log in a file."""
    return await played(Log(f"sqlite:///{tmp_path / 'tact.db'}"), tmp_path)


def invoke(*words: object) -> tuple[int, str]:
    """Exit code and standard output of `tact report`."""
    result = CliRunner(env=WIDE).invoke(app, ["report", *map(str, words)])
    return result.exit_code, result.output


async def test_the_command_writes_every_form_of_the_same_report(game: Played, tmp_path: Path) -> None:
    """Terminal, JSON, HTML, CSV and Parquet say the same; the same question gives the same bytes; an export is reused."""
    as_of = datetime.now(UTC) + timedelta(minutes=5)
    as_of_words = ("--as-of", as_of.isoformat(timespec="seconds"))
    question = ("--rules", game.rules, *as_of_words, "--by", "week", "--no-replay")
    code, _ = invoke(
        *("--log", game.url, "--export", tmp_path / "export", *question),
        *("--json", tmp_path / "a.json", "--html", tmp_path / "a.html"),
        *("--csv", tmp_path / "csv", "--parquet", tmp_path / "parquet"),
    )
    assert code == 0
    document = json.loads((tmp_path / "a.json").read_bytes())
    assert document["schema"] == 1
    cream = document["sections"][0]["grids"]["uplift"]["rows"][0]
    assert cream["treated"]["value"] == game.bought[True]
    assert set(cream["effect"]) == {"value", "low", "high", "method", "n", "persons", "unit"}
    invoke(
        "--export",
        tmp_path / "export",
        *question,
        "--json",
        tmp_path / "b.json",
        "--html",
        tmp_path / "b.html",
    )
    for form in ("json", "html"):
        assert (tmp_path / f"a.{form}").read_bytes() == (tmp_path / f"b.{form}").read_bytes()
    rows = [*csv.DictReader((tmp_path / "csv" / "uplift.csv").read_text(encoding="utf-8").splitlines())]
    assert float(rows[0]["effect_low"]) == cream["effect"]["low"]
    path = str(tmp_path / "parquet" / "uplift.parquet")
    assert duckdb.read_parquet(path).project("effect_low").fetchall()[0] == (cream["effect"]["low"],)
    code, printed = invoke("--export", tmp_path / "export", *question)
    assert code == 0
    assert "\n\nEffect by campaign\n" in printed
    effect = cream["effect"]
    assert (
        f"{100 * effect['value']:+.2f} [{100 * effect['low']:.2f}, {100 * effect['high']:.2f}] pts" in printed
    )
    assert (
        open_export(tmp_path / "export").report(book_of(), as_of=as_of).figures["cream"].uplift.value
        == effect["value"]
    )


async def test_a_wrong_question_is_a_usage_error(game: Played, tmp_path: Path) -> None:
    """Exit code 2 with a sentence; 1 where there is no log."""
    right = ("--rules", game.rules, "--log", game.url)
    for wrong, sentence in (
        (("--metric", "clicks"), "--metric clicks: it is converted, orders, value or credited"),
        (("--by", "profile.gendr"), "; did you mean 'profile.gender'? there are variant, channel, week,"),
        (("--campaign", "creme"), "the book has no such campaign; did you mean 'cream'?"),
        (("--level", "95"), "--level 95.0: a level is at least 0.5 and below 1"),
        (("--win", "much"), "--win much: it is a part such as 10%"),
        (("--from", "yesterday-ish"), "--from yesterday-ish: "),
        (
            ("--from", "2026-03-20", "--to", "2026-03-10"),
            "the period is empty: it begins at 2026-03-20 00:00 UTC",
        ),
    ):
        code, output = invoke(*right, *wrong)
        assert (code, sentence in output) == (2, True), output
    assert invoke("--rules", game.rules)[0] == 2
    text = (game.rules / "book.yaml").read_text(encoding="utf-8").replace("cream: {offer", "creme: {offer")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "book.yaml").write_text(
        text.replace("  oil: {offer", "  ol: {offer"), encoding="utf-8"
    )
    code, output = invoke("--rules", tmp_path / "other", "--log", game.url)
    assert (code, "the log is not of the book trial" in output) == (2, True), output
    code, output = invoke(*right, "--as-of", "2020-01-01")
    assert (code, "nothing was recorded by 2020-01-02 00:00 UTC" in output) == (1, True), output
    code, output = invoke("--rules", game.rules, "--log", f"sqlite:///{tmp_path / 'none.db'}")
    assert code == 1
    assert "there is no log at" in output


async def test_a_report_that_cannot_be_made_says_so(game: Played, tmp_path: Path) -> None:
    """Too little memory, a file that is none of Parquet, an export that is none: one sentence, and exit code 1."""
    out, question = tmp_path / "export", ("--rules", game.rules, "--export", tmp_path / "export")
    export(game.url, out)
    code, output = invoke(*question, "--memory", "1MB")
    sentence = "tact: the report ended early: it needs more memory than 1MB, or more room on disk beyond it\n"
    assert (code, output) == (1, sentence)
    (part,) = (out / "offers").glob("*.parquet")
    part.write_bytes(b"junk")
    code, output = invoke(*question)
    assert (code, output.count("\n"), "too small to be a Parquet file" in output) == (1, 1, True), output
    (out / "manifest.json").write_text("{", encoding="utf-8")
    code, output = invoke(*question)
    assert (code, output.count("\n"), "is not the manifest of an export" in output) == (1, 1, True), output
