"""`tact report paths`: a site fault that is planted in 10,000 visits is named, from a real log."""

import json
import random
import re
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.queries.persons import keep_events
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import EventRow
from engine.measure import PathsQuestion, open_log
from engine.measure.report.comparable import NothingRecorded, large_cells
from engine.measure.report.figures import Figure
from engine.model.instant import DAY, SECOND, from_datetime
from tests.measure.export.kit import commit, dicts_of
from tests.measure.report.exports import BEGIN, book_of

BOOK = """
book: {name: shop, timezone: UTC, lawful_basis: {health: consent form 3}}
attributes: {profile.email: {type: text}}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
offers: {tea: {name: Tea, content: {default: {title: Tea}}}}
events:
  stored: true
  types:
    add_to_cart: {fields: {device: text, illness: {type: text, sensitive: health}}}
    shipping_cost: any
    payment_failed: any
    purchase: any
campaigns: {tea: {offer: tea, channels: [mail]}}
"""
VISITS = 10_000
FAULT = {"android": 0.142, "ios": 0.021, "desktop": 0.021}
"""How often a payment fails; who fails does not buy."""


def played(url: str) -> dict[str, int]:
    """Writes visits as the ledger keeps events; those who stopped, by their last step."""
    rng, rows, begin = random.Random(7), [], from_datetime(BEGIN)
    last = dict.fromkeys(("shipping_cost", "payment_failed", "purchase"), 0)
    for index in range(VISITS):
        person, at = f"p{index:05}", begin + (index % 14) * DAY + index * SECOND
        device = rng.choice([*FAULT])
        steps = ["add_to_cart", "shipping_cost"]
        if rng.random() < 0.6:
            steps.append("payment_failed" if rng.random() < FAULT[device] else "purchase")
        last[steps[-1]] += 1
        fields = json.dumps({"device": device, "illness": "gout"})
        rows += [
            EventRow(
                person, at + number * SECOND, 0, f"{index}-{number}", step, fields if not number else "{}"
            )
            for number, step in enumerate(steps)
        ]
        if index % 10 == 0:  # another visit, an hour later, of which nothing is counted
            rows.append(EventRow(person, at + 3_600 * SECOND, 0, f"{index}-again", "add_to_cart", "{}"))
    store = open_store(url)
    with store.transaction():
        keep_events(store, rows)
    commit(store, KeepBookCommand(book_of(BOOK), begin))
    store.close()
    return last


def test_a_planted_fault_is_named(tmp_path: Path) -> None:
    """On the device that has it, with its rates; where others stopped is counted; a field that is masked is not there."""
    url = f"sqlite:///{tmp_path / 'tact.db'}"
    last = played(url)
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "book.yaml").write_text(BOOK, encoding="utf-8")
    question = ["--rules", str(tmp_path / "book"), "--log", url, "--export", str(tmp_path / "export")]
    question += ["--goal", "purchase", "--start", "add_to_cart", "--by", "device", "--as-of", "2026-05-01"]
    outputs = {"--json": "a.json", "--html": "a.html", "--csv": "csv"}
    files = [word for option, name in outputs.items() for word in (option, str(tmp_path / name))]
    result = CliRunner().invoke(app, ["report", "paths", *question, *files])
    assert result.exit_code == 0, result.output
    (section,) = json.loads((tmp_path / "a.json").read_bytes())["sections"]
    stopped = {row["step"]: row["stopped"]["value"] for row in section["grids"]["last_steps"]["rows"]}
    assert stopped == {step: last[step] for step in ("shipping_cost", "payment_failed")}
    split = section["grids"]["split"]["rows"]
    fault = next(row for row in split if row["step"] == "payment_failed" and row["measure"] == "reached")
    assert (fault["field"], fault["value"]) == ("device", "android")
    for name, truth in (("rate", 0.6 * FAULT["android"]), ("others", 0.6 * FAULT["ios"])):
        assert fault[name]["low"] < truth < fault[name]["high"]
    assert fault["p (Holm)"]["value"] < 0.001
    printed = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["report", "paths", *question[:2], "--export", str(tmp_path / "export"), *question[6:]]
    )
    assert printed.exit_code == 0, printed.output
    assert f"{last['shipping_cost']:,} stopped after shipping_cost." in printed.output
    assert "payment_failed on device=android: " in printed.output
    assert "How this was computed" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "csv" / "split.csv").exists()
    assert {len(json.loads(row["fields"])) for row in dicts_of(tmp_path / "export", "events")} == {0, 1}
    assert not any("illness" in row["fields"] for row in dicts_of(tmp_path / "export", "events"))
    for wrong, words in (("--by", "devise"), ("--goal", "purchases"), ("--gap", "soon")):
        refused = CliRunner().invoke(app, ["report", "paths", *question, wrong, words])
        assert refused.exit_code in {1, 2}
        assert {
            "devise": "did you mean device?",
            "purchases": "did you mean purchase?",
            "soon": "--gap soon",
        }[words] in refused.output
    first = open_log(url).paths(book_of(BOOK), PathsQuestion("purchase", "add_to_cart", strata=("device",)))
    assert isinstance(first.grid("steps").rows[0]["buyers"], Figure)


def test_a_mistyped_question_is_recognised() -> None:
    """With the exit code of usage errors; the plain command stays as it is."""
    result = CliRunner().invoke(app, ["report", "path"])
    assert result.exit_code == 2
    assert "No such question 'path'. Did you mean 'paths'?" in result.output
    assert "--goal" in CliRunner(env={"COLUMNS": "200"}).invoke(app, ["report", "paths", "--help"]).output


EVIL = ("<script>alert(1)</script>", "\x1b[31mred", "a\nb", "=cmd()|x", "[bold]x[/bold]", "\u202egnp")


def kept(folder: Path, rows: list[EventRow]) -> str:
    """A log with the events."""
    url = f"sqlite:///{folder / 'kept.db'}"
    with closing(open_store(url)) as store:
        with store.transaction():
            keep_events(store, rows)
        commit(store, KeepBookCommand(book_of(BOOK), from_datetime(BEGIN)))
    return url


def test_what_visitors_send_is_shown_and_not_run(tmp_path: Path) -> None:
    """On the page, on a terminal and in a spreadsheet, whatever a field or a type of event has in it."""
    begin, rows = from_datetime(BEGIN), []
    for index in range(600):
        fields = json.dumps(
            {"device": EVIL[index % len(EVIL)], 'a/b~c "d"': "x" * (index % 2 + 1), "list": [1]}
        )
        steps = [
            "add_to_cart",
            *(["<i>\x1b]0;x\x07"] if index % 4 else []),
            *(["purchase"] if index % 5 else []),
        ]
        rows += [
            EventRow(f"p{index}", begin + index * SECOND + number, 0, f"{index}-{number}", step, fields)
            for number, step in enumerate(steps)
        ]
    url, page, terminal = kept(tmp_path, rows), tmp_path / "a.html", CliRunner(env={"COLUMNS": "250"})
    (tmp_path / "book.yaml").write_text(BOOK, encoding="utf-8")
    fields = 'device,list,a/b~c "d"'
    question = ["report", "paths", "--rules", str(tmp_path), "--goal", "purchase", "--by", fields]
    question += ["--export", str(tmp_path / "export")]
    files = ["--log", url, "--html", str(page), "--csv", str(tmp_path / "csv")]
    assert terminal.invoke(app, [*question, *files]).exit_code == 0
    result = terminal.invoke(app, [*question, "--all"])
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.output
    assert "a\\nb" in result.output
    assert "<i>\\u001b]0;x\\u0007" in result.output
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<i>" not in text
    assert "<svg" in text
    assert ",'=cmd()|x," in (tmp_path / "csv" / "split.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("events", "goal", "sentence"),
    [
        ([], "purchase", "the log has no events"),
        ([("p", "purchase")], "purchase", "no visit reached a first step in the period"),
        ([("p", "add_to_cart")], "purchse", "the log has no event purchse; there are add_to_cart"),
        ([("p", "add_to_cart"), ("q", "purchase")], "purchse", "did you mean purchase?"),
    ],
)
def test_a_log_that_answers_nothing_says_so(
    events: list[tuple[str, str]], goal: str, sentence: str, tmp_path: Path
) -> None:
    """No events, no visits, or an event that nobody did."""
    begin = from_datetime(BEGIN)
    rows = [EventRow(person, begin, 0, person, type_, "{}") for person, type_ in events]
    with pytest.raises(NothingRecorded, match=re.escape(sentence)):
        open_log(kept(tmp_path, rows)).paths(book_of(BOOK), PathsQuestion(goal))


def test_few_persons_are_not_counted(tmp_path: Path) -> None:
    """Neither in a cell nor in a sentence: of one person nothing is said. Events that are no longer kept are warned of."""
    begin = from_datetime(BEGIN)
    rows = [
        EventRow("p", begin, 0, "a", "add_to_cart", "{}"),
        EventRow("p", begin + 1, 0, "b", "purchase", "{}"),
    ]
    rows.append(EventRow("q", begin + 100 * DAY, 0, "q", "add_to_cart", "{}"))
    (section,) = open_log(kept(tmp_path, rows)).paths(book_of(BOOK), PathsQuestion("purchase")).sections
    assert section.question.startswith(
        "Of fewer than 20 persons who reached the first step of a visit, fewer than 20 went on"
    )
    assert [grid.rows for grid in section.grids] == [(), (), ()]
    assert [how.n for how in section.computations[:2]] == [
        "fewer than 20 persons",
        "fewer than 20 buyers, fewer than 20 others",
    ]
    (warned,) = section.warnings
    assert warned.text.startswith(
        "the book keeps events for 90 days, so that those before 2026-03-12 may be missing"
    )


def test_small_cells_do_not_follow_from_large_ones() -> None:
    """Where all small ones together are few, the smallest large one goes with them."""
    assert large_cells({"a": 90, "b": 30, "c": 19, "d": 1}) == [("a", 90), ("b", 30)]
    assert large_cells({"a": 90, "b": 30, "c": 19}) == [("a", 90)]
    assert large_cells({"a": 90, "b": 30}) == [("a", 90), ("b", 30)]
    assert large_cells({"a": 90, "b": 5}) == large_cells({}) == []
    assert large_cells({"a": 90, "b": 30, "c": 25}, most=2) == [("a", 90), ("b", 30)]
