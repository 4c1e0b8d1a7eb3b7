"""`tact report signals`: 80 % of leavers signalled two weeks ahead and three quarters saved, recovered from a real log."""

import json
import random
from pathlib import Path

from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.queries.persons import keep_events
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import EventRow
from engine.measure import open_log
from engine.measure.report.figures import Figure
from engine.measure.report.signals import SignalsQuestion
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.measure.export.kit import commit, decide
from tests.measure.report.exports import BEGIN

BOOK = """
book: {name: leaving, timezone: UTC}
attributes: {profile.risk: {type: number}}
channels: {web: {kind: inbound}}
placements: {page: {channel: web}}
offers: {stay: {name: Stay, content: {default: {text: Stay}}}}
events: {stored: true, types: {left: any, visited: any}}
signals:
  leaving: {when: {profile.risk: {gte: 0.5}}}
campaigns:
  save: {offer: stay, placements: [page], when: {signal: leaving}, CONTROL}
"""
LEAVERS, FALSE_ALARMS, LENGTH = 1_500, 300, 120
SEEN, LEAD, SAVED = 0.8, 14, 0.75


def played(url: str, compiled: CompiledBook) -> None:
    """Leavers evenly over the days; of most a signal holds at a lead, at a decision that saves those who see its offer."""
    rng, begin, requests, leaves = random.Random(11), from_datetime(BEGIN), [], {}
    for index in range(LEAVERS):
        person, at = f"p{index:05}", begin + int(rng.uniform(0, LENGTH) * DAY)
        leaves[person] = at
        noticed = at - int(rng.gauss(LEAD, 2) * DAY)
        if rng.random() < SEEN and noticed > begin:
            requests.append(Request(person, noticed, {"profile.risk": 0.9}, placement="page"))
    for index in range(FALSE_ALARMS):
        at = begin + int(rng.uniform(0, LENGTH) * DAY)
        requests.append(Request(f"q{index:05}", at, {"profile.risk": 0.7}, placement="page"))
    store = open_store(url)
    for decision, request in zip(decide(store, compiled, *requests), requests, strict=True):
        if decision.offers and rng.random() < SAVED:
            leaves.pop(request.person, None)
    rows = [EventRow(person, at, 0, person, "left", "{}") for person, at in leaves.items()]
    with store.transaction():
        keep_events(store, [EventRow("q", begin, 0, "q", "visited", "{}"), *rows])
    commit(store, KeepBookCommand(compiled.book, begin))
    store.close()


def test_the_truth_is_recovered(tmp_path: Path) -> None:
    """What is saved and, through the control, what is foretold are within their limits; the recall that is seen is lower."""
    url, folder = f"sqlite:///{tmp_path / 'tact.db'}", tmp_path / "book"
    played(url, compiled_book(folder, BOOK.replace("CONTROL", "control: 30%")))
    outputs = {"--json": "a.json", "--html": "a.html", "--csv": "csv"}
    files = [word for option, name in outputs.items() for word in (option, str(tmp_path / name))]
    question = ["report", "signals", "--rules", str(folder), "--log", url, "--to", "2026-06-29"]
    result = CliRunner().invoke(app, [*question, "--outcome", "left", *files])
    assert result.exit_code == 0, result.output
    (section,) = json.loads((tmp_path / "a.json").read_bytes())["sections"]
    (row,) = section["grids"]["signals"]["rows"]
    (saved,) = section["grids"]["saved"]["rows"]
    (lead,) = section["grids"]["lead_time"]["rows"]
    assert saved["saved"]["low"] < SAVED < saved["saved"]["high"]
    assert row["recall (corrected)"]["low"] < SEEN < row["recall (corrected)"]["high"]
    assert row["recall"]["high"] < SEEN
    assert lead["lower quartile"]["value"] < LEAD < lead["upper quartile"]["value"]
    assert abs(lead["median"]["value"] - LEAD) < 1
    assert "How this was computed" in (tmp_path / "a.html").read_text()
    assert (tmp_path / "csv" / "saved.csv").exists()
    for wrong, words in (
        (["--outcome", "lefd"], "did you mean left?"),
        (["--outcome", "left", "--horizon", "soon"], "--horizon soon"),
    ):
        refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*question, *wrong])
        assert refused.exit_code in {1, 2}
        assert words in refused.output


def test_without_a_control_nothing_is_said_to_be_saved(tmp_path: Path) -> None:
    """The figures that need one are refused with a sentence."""
    url = f"sqlite:///{tmp_path / 'tact.db'}"
    compiled = compiled_book(tmp_path / "book", BOOK.replace(", CONTROL", ""))
    played(url, compiled)
    report = open_log(url).signals(compiled.book, SignalsQuestion("left"))
    for grid, column in (("saved", "saved"), ("signals", "recall (corrected)")):
        figure = report.grid(grid).rows[0][column]
        assert isinstance(figure, Figure)
        assert figure.value is None
        assert "no control" in figure.refused
