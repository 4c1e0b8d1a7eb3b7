"""`tact demo-batch` with few members: what it shows is what lies in its log and files."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from demo.crowd import members, write_population
from engine.cli import app

CUSTOMERS = 2_500


def test_the_send_and_its_report(tmp_path: Path) -> None:
    """Everybody is decided once, the preview is what is sent on an empty log, and the page is written."""
    folder = tmp_path / "demo"
    words = ("demo-batch", "--folder", str(folder), "--customers", str(CUSTOMERS), "--json")
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["preview"]["people"] == report["sent"]["decided"] == CUSTOMERS
    offered = {own["campaign"]: own["offered"] for own in report["preview"]["campaigns"] if own["offered"]}
    sent = dict.fromkeys(offered, 0)
    for form in report["sent"]["forms"]:
        sent[form["campaign"]] += form["people"] * (form["outcome"] == "offer")
    assert sent == offered
    with closing(sqlite3.connect(folder / "tact.db")) as log:
        (contacts,) = log.execute("SELECT count(*) FROM contacts WHERE state <> 'shadow'").fetchone()
        (orders,) = log.execute("SELECT count(*) FROM outcomes WHERE type = 'converted'").fetchone()
    assert (contacts, orders) == (sum(offered.values()), report["orders"])
    assert "camera-swap" in (folder / "report.html").read_text(encoding="utf-8")


def test_files_of_others_are_not_deleted(tmp_path: Path) -> None:
    """A folder that the demo did not make is refused, and left as it is."""
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    result = CliRunner().invoke(app, ["demo-batch", "--folder", str(tmp_path), "--customers", "2500"])
    assert (result.exit_code, "holds files of others, which would be deleted" in result.stderr) == (1, True)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"
    result = CliRunner().invoke(app, ["demo-batch", "--folder", str(tmp_path / "thesis.txt")])
    assert "thesis.txt is a file: name a folder by --folder" in result.stderr


def test_members_are_the_same_every_time(tmp_path: Path) -> None:
    """They depend on nothing but their numbers; more members do not change those that were there."""
    write_population(tmp_path / "few.parquet", 100)
    write_population(tmp_path / "more.parquet", 300)
    few, more = pq.read_table(tmp_path / "few.parquet"), pq.read_table(tmp_path / "more.parquet")
    assert few.equals(more.slice(0, 100))
    assert len({member.customer for member in members(10_000)}) == 10_000


@pytest.mark.parametrize(("share", "purpose"), [(0.95, "email"), (0.9, "consent"), (0.8, "opens")])
def test_shares_are_as_stated(share: float, purpose: str) -> None:
    """Within four standard deviations of 5,000 draws."""
    drawn = sum(member.draw(purpose) < share for member in members(5_000)) / 5_000
    assert abs(drawn - share) < 4 * (share * (1 - share) / 5_000) ** 0.5
