"""`tact report signals`: 80 % of leavers signalled two weeks ahead and three quarters saved, recovered from a real log."""

import json
import random
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.commands import Command
from engine.ledger.commit.events import RecordCommand
from engine.ledger.memory import memory_of
from engine.ledger.queries.persons import recall
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.event import Event
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.measure.export.kit import commit, decide
from tests.measure.report.exports import BEGIN

BOOK = """
book: {name: leaving, timezone: UTC}
channels: {web: {kind: inbound}}
placements: {page: {channel: web}}
offers: {stay: {name: Stay, content: {default: {text: Stay}}}}
events: {stored: true, keep: 400d, types: {left: any, cancel_page: any, visited: any}}
signals:
  leaving: {when: {behaviour: {event: cancel_page, within: 1d, count: {gte: 1}}}, hold: 20d}
  looks: {when: {behaviour: {event: visited, within: 1d, count: {gte: 1}}}, hold: 300d}
holdouts: {nobody: {share: 10%}}
campaigns:
  save: {offer: stay, placements: [page], when: {signal: leaving}, CONTROL}
  look: {offer: stay, placements: [page], when: {signal: looks}}
"""
HOUR = DAY // 24
LEAVERS, FALSE_ALARMS, LENGTH = 1_500, 300, 120
SEEN, LEAD, SAVED = 0.8, 14, 0.75


def played(url: str, compiled: CompiledBook) -> None:
    """Leavers evenly over the days; of most an event says so at a lead, and a decision hours later saves who sees its offer.

    A third of all persons visit a page, which says nothing about leaving.
    """
    rng, begin, noticed, leaves = random.Random(11), from_datetime(BEGIN), {}, {}
    commands: list[Command[Any]] = [KeepBookCommand(compiled.book, begin)]
    for index in range(LEAVERS + FALSE_ALARMS):
        person, at = f"p{index:05}", begin + int(rng.uniform(0, LENGTH) * DAY)
        before = at - int(rng.gauss(LEAD, 2) * DAY)
        if index < LEAVERS:
            leaves[person] = at
        if before > begin and (index >= LEAVERS or rng.random() < SEEN):
            noticed[person] = before
            commands.append(recorded(compiled, person, "cancel_page", before))
        if index % 3 == 0:
            commands.append(recorded(compiled, person, "visited", begin + int(rng.uniform(0, LENGTH) * DAY)))
    with closing(open_store(url)) as store:
        commit(store, *commands)
        requests = remembering(store, compiled, {person: at + 5 * HOUR for person, at in noticed.items()})
        for decision, request in zip(decide(store, compiled, *requests), requests, strict=True):
            if any(offer.campaign == "save" for offer in decision.offers) and rng.random() < SAVED:
                leaves.pop(request.customer, None)
        commit(store, *(recorded(compiled, person, "left", at) for person, at in leaves.items()))


def recorded(compiled: CompiledBook, person: str, type_: str, at: int) -> RecordCommand:
    """An event of the person, recorded as it happens."""
    return RecordCommand(compiled, person, Event(f"{type_}-{person}", type_, at), at)


def remembering(store: Store, compiled: CompiledBook, moments: Mapping[str, int]) -> list[Request]:
    """A request of each person for the page, with what is remembered of them."""
    assert compiled.recall is not None
    recalled = recall(store, [compiled.recall.of(person, at) for person, at in moments.items()])
    return [
        Request(person, at, {}, placement="page", memory=memory_of(memory, at))
        for (person, at), memory in zip(moments.items(), recalled, strict=True)
    ]


def test_the_truth_is_recovered(tmp_path: Path) -> None:
    """What is saved and, through control and holdout, what is foretold are within their limits; what is seen is lower."""
    url, folder = f"sqlite:///{tmp_path / 'tact.db'}", tmp_path / "book"
    played(url, compiled_book(folder, BOOK.replace("CONTROL", "control: 30%")))
    outputs = {"--json": "a.json", "--html": "a.html", "--csv": "csv"}
    files = [word for option, name in outputs.items() for word in (option, str(tmp_path / name))]
    question = ["report", "signals", "--rules", str(folder), "--log", url, "--as-of", "2099-01-01"]
    question += ["--export", str(tmp_path / "export")]
    result = CliRunner().invoke(app, [*question, "--outcome", "left", *files])
    assert result.exit_code == 0, result.output
    (section,) = json.loads((tmp_path / "a.json").read_bytes())["sections"]
    rows = {name: {row["signal"]: row for row in grid["rows"]} for name, grid in section["grids"].items()}
    row, saved, lead = (rows[name]["leaving"] for name in ("signals", "saved", "lead_time"))
    assert saved["saved"]["low"] < SAVED < saved["saved"]["high"]
    for name in ("recall", "precision"):
        assert row[f"{name} (nothing sent)"]["low"] < SEEN < row[f"{name} (nothing sent)"]["high"]
        assert row[name]["high"] < row[f"{name} (nothing sent)"]["low"]
    assert lead["median"]["low"] < LEAD < lead["median"]["high"]
    assert lead["lower quartile"]["value"] < LEAD - 1 < LEAD + 1 < lead["upper quartile"]["value"]
    assert "How this was computed" in (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "Share that acting on each signal saved, drawn" in (tmp_path / "a.html").read_text(
        encoding="utf-8"
    )
    assert (tmp_path / "csv" / "saved.csv").exists()
    looks, sentence = rows["signals"]["looks"], "fewer than 20 events in an arm: counts only"
    assert looks["recall"]["high"] < 0.2
    assert rows["saved"]["looks"]["saved"]["refused"] == sentence
    without_log = [*question[:4], *question[6:]]
    printed = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, [*without_log, "--outcome", "left", "--signal", "leaving"]
    )
    assert printed.exit_code == 0, printed.output
    assert "looks" not in printed.output
    assert "\nWhat acting on them saved\n" in printed.output
    both = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*without_log, "--outcome", "left"])
    assert f"saved, saved persons: {sentence} (looks)" in both.output
    assert max(map(len, printed.output.splitlines())) <= 200
    for wrong, code, words in (
        (["--outcome", "lefd"], 1, "the log has no event lefd; did you mean left?"),
        (["--outcome", "left", "--signal", "leavin"], 1, "has the signal leavin; did you mean leaving?"),
        (["--outcome", "left", "--horizon", "soon"], 2, "--horizon soon"),
        (["--outcome", "left", "--horizon", "0d"], 2, "--horizon 0d"),
        (["--outcome", "left", "--level", "95"], 2, "--level 95"),
    ):
        refused = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*without_log, *wrong])
        assert refused.exit_code == code, refused.output
        assert words in refused.output
