"""Each trial in its short form against a real server, and the report."""

import json
import re
from pathlib import Path

import pytest

from tests.books import write_book
from tests.docs.pages import ROOT
from tests.servers import serving
from trial import soak
from trial.__main__ import TRIALS, main, run
from trial.report import failed, write
from trial.result import Curve, TrialResult
from trial.watch import Watch


@pytest.mark.parametrize("name", TRIALS)
def test_it_holds(name: str) -> None:
    """All checks hold, and there are some."""
    _, result = run(name, short=True)
    assert result.failures == [], result.summary
    assert result.trials > 0
    assert result.summary


def test_what_a_server_takes_until_it_is_warm_is_no_growth(tmp_path: Path) -> None:
    """Growth counts from when the server is said to be warm; without that, from the end of the first fifth."""
    with serving(write_book(tmp_path / "book"), tmp_path / "tact.db") as server:
        watch = Watch(server, memory=[(0.0, 100.0), (1.0, 101.0)])
        watch.warm()
        watch.memory += [(2.0, 170.0), (3.0, 175.0)]
        assert watch.grown() == 5.0
        watch.memory.append((4.0, 240.0))
        assert watch.grown() == 70.0
        unmarked = Watch(
            server, memory=[(0.0, 100.0), *((float(second), 110.0 + second) for second in range(1, 5))]
        )
        assert unmarked.grown() == 4.0 - 1.0


def test_a_failure_is_reported(tmp_path: Path) -> None:
    """The report names what failed, how often, draws the curves, and the whole is a failure."""
    result = TrialResult(summary="seen", curves=[Curve("Memory", "MB", "resident", [(0.0, 1.0), (1.0, 2.0)])])
    result.check(holds=True, otherwise="fine")
    for _ in range(3):
        result.check(holds=False, otherwise="it fell over")
    results = {"overload": ("Too much of it.", result)}
    report = write(results, tmp_path).read_text(encoding="utf-8")
    assert "| overload | FAILED | 4 | 3 | 3 × it fell over; seen |" in report
    assert (tmp_path / "overload-memory.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "figures.json").read_text())["overload"]["failures"] == {"it fell over": 3}
    assert failed(results)
    assert failed({"overload": ("", TrialResult())}), "no checks are no success"
    assert not failed({"overload": ("", TrialResult(trials=1))})


def test_a_trial_that_raises_has_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command goes on, says so in the table, and ends with 1."""
    monkeypatch.setattr("trial.tokens.run", lambda settings: 1 / 0)
    assert main(["--only", "tokens", "--output", str(tmp_path)]) == 1
    assert "it broke off: ZeroDivisionError" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_the_soak_draws_its_curves(tmp_path: Path) -> None:
    """For a second no call fails, answers are in the log, and memory, latency and queue have pictures."""
    assert soak.main(1, tmp_path) == 0
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {"soak-memory.png", "soak-latency.png", "soak-queue.png"}


def test_every_trial_is_in_the_guide() -> None:
    """Each has a row in the operations guide, and the guide names no others."""
    guide = (
        (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Before you rely on it")[2]
    )
    assert re.findall(r"^\| `(\w+)` \|", guide, re.MULTILINE) == list(TRIALS)
