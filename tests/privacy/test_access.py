"""Who reads what was decided about a person stands in the audit, whatever way they read it, and by no name."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.client import Client, NotFound, request
from tests.books import write_book
from tests.console.conftest import console_of
from tests.logs import Log, sqlite_log
from tests.servers import serving
from tests.waiting import until

BOOK = """
book: {name: read, timezone: UTC}
channels: {web: {kind: inbound}}
placements: {page: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, placements: [page]}}
"""

LI_NA = "li_na-7c1e"


def noted(log: Log) -> list[tuple[str, str]]:
    """Ways and acts of the audit, in order."""
    return [(str(via), str(action)) for via, action in log.rows("SELECT via, action FROM audit ORDER BY id")]


def test_every_way_to_a_decision_is_noted(any_log: Log, tmp_path: Path) -> None:
    """Explain, Watch, Due, `tact explain`, `tact tail` and the console's page each add a row; a guess adds none."""
    folder = write_book(tmp_path / "book", BOOK)
    with serving(folder, any_log) as server, Client(server.target) as client:
        decided = client.decide(request(LI_NA, placement="page"))
        assert noted(any_log) == []
        client.explain(request(LI_NA, placement="page"))
        assert noted(any_log) == []
        client.explain(decided.decision_id)
        assert noted(any_log) == [("grpc", "person decision")]
        with pytest.raises(NotFound):
            client.explain("0" * 8 + "-0000-0000-0000-" + "0" * 12)
        assert len(noted(any_log)) == 1
        watched = client.watch()
        next(watched)
        watched.close()  # type: ignore[attr-defined]
        list(client.due())
        assert noted(any_log)[1:] == [("grpc", "persons feed")] * 2
        words = ["explain", str(folder), "--decision", decided.decision_id, "--log", any_log.url]
        assert CliRunner().invoke(app, words).exit_code == 0
        assert CliRunner().invoke(app, ["tail", "--log", any_log.url]).exit_code == 0
        assert noted(any_log)[3:] == [("log", "person decision"), ("log", "persons feed")]
        with console_of(any_log.url, "--server", server.target) as console:
            browser = console.logged_in()
            assert browser.get(f"/decisions/{decided.decision_id}").status_code == 200
            until(lambda: noted(any_log)[5:] == [("console", "person decision"), ("grpc", "person decision")])
            for totals in ("/", "/campaigns", "/pressure", "/audit"):
                assert browser.get(totals).status_code == 200
            assert len(noted(any_log)) == 7
            assert browser.get("/decisions").status_code == 200  # it names persons
        assert noted(any_log)[7:] == [("console", "persons feed")]
        assert server.stop() == 0
    whole = repr(any_log.rows("SELECT * FROM audit"))
    assert LI_NA not in whole
    assert decided.decision_id not in whole


def test_the_person_is_told_who_read(tmp_path: Path) -> None:
    """An export lists the looks at a single decision, as it lists those at the whole."""
    log, folder = sqlite_log(tmp_path), write_book(tmp_path / "book", BOOK)
    with serving(folder, log) as server, Client(server.target) as client:
        client.explain(client.decide(request(LI_NA, placement="page")).decision_id)
        assert server.stop() == 0
    exported = CliRunner().invoke(app, ["person", "export", LI_NA, "--log", log.url])
    assert exported.exit_code == 0, exported.output
    acts = [access["what"] for access in json.loads(exported.stdout)["access"]]
    assert sorted(acts) == ["person decision", "person export"]
