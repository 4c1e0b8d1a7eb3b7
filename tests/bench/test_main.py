"""`python -m bench` measures, shows and writes; none of these tests looks at a time."""

import json
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from bench import history, ledger, service
from bench.__main__ import main
from bench.ratio import NO_TARGET, Ratio
from bench.table import show, write

RATIOS = [Ratio("ledger: a / b", 0.61, 0.5, "5 µs against 3 µs"), Ratio("service: c / d", 0.2, 1.0, "")]


@pytest.fixture
def program() -> typer.Typer:
    """The command line."""
    program = typer.Typer()
    program.command()(main)
    return program


def test_the_file_is_a_list_of_name_ratio_target_detail(tmp_path: Path) -> None:
    """What programs read has these four keys and no others."""
    write(RATIOS, tmp_path / "build" / "bench.json")
    written = json.loads((tmp_path / "build" / "bench.json").read_text(encoding="utf-8"))
    assert written == [
        {"name": "ledger: a / b", "ratio": 0.61, "target": 0.5, "detail": "5 µs against 3 µs"},
        {"name": "service: c / d", "ratio": 0.2, "target": 1.0, "detail": ""},
    ]


def test_the_table_says_which_ratios_reach_their_targets() -> None:
    """At or above the target is good, below it is low."""
    screen = StringIO()
    show(RATIOS, Console(file=screen, width=120))
    good, low = (line for line in screen.getvalue().splitlines() if "/" in line and "ratio" not in line)
    assert "good" in good
    assert "low" in low


def test_a_ratio_without_a_target_is_neither_good_nor_low() -> None:
    """It is neither good nor low, and shows no target."""
    screen = StringIO()
    show([Ratio("floor / echo", 0.56, NO_TARGET, "")], Console(file=screen, width=120))
    assert not {"good", "low", "0.00"} & set(screen.getvalue().splitlines()[-2].split())
    assert "0.56" in screen.getvalue()


def test_the_ledger_is_measured_and_its_files_are_gone(
    program: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A very small run of `--quick --only ledger` writes its ratios and leaves no log behind."""
    small = ledger.Size(20, 50, (8,), 16, rounds=1, logs=(50, 500), pattern=50, growth_rounds=2)
    monkeypatch.setattr(ledger, "QUICK", small)
    monkeypatch.setattr(ledger, "BUILD", tmp_path)
    output = tmp_path / "bench.json"
    result = CliRunner().invoke(program, ["--quick", "--only", "ledger", "--output", str(output)])
    assert result.exit_code == 0, result.output
    ratios = json.loads(output.read_text(encoding="utf-8"))
    assert [ratio["target"] for ratio in ratios] == [0.5, 0.5, 1.0]
    assert all(ratio["ratio"] > 0 and ratio["name"].startswith("ledger: ") for ratio in ratios)
    assert list(tmp_path.iterdir()) == [output]


def test_the_cost_of_a_long_history_is_measured(
    program: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A very small run of `--quick --only history` compares time and bytes, and leaves no log behind."""
    monkeypatch.setattr(history, "MANY", 100)
    monkeypatch.setattr(history, "BUILD", tmp_path)
    output = tmp_path / "bench.json"
    result = CliRunner().invoke(program, ["--quick", "--only", "history", "--output", str(output)])
    assert result.exit_code == 0, result.output
    ratios = json.loads(output.read_text(encoding="utf-8"))
    assert ["outcomes" in ratio["name"] for ratio in ratios] == [False, False, True, True]
    for times, sizes in (ratios[:2], ratios[2:]):
        assert times["ratio"] > 0
        assert sizes["ratio"] > 1, sizes["detail"]
    assert list(tmp_path.iterdir()) == [output]


def test_the_service_is_measured_through_real_processes(
    program: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A very small run of `--quick --only service` starts the server, the echo and the client, and ends them."""
    monkeypatch.setattr(service, "QUICK", service.Size(50, 200, 0.2, 1))
    monkeypatch.setattr(service, "BUILD", tmp_path)
    monkeypatch.setattr(service, "BATCH", 20)
    output = tmp_path / "bench.json"
    result = CliRunner().invoke(program, ["--quick", "--only", "service", "--output", str(output)])
    assert result.exit_code == 0, result.output
    ratios = json.loads(output.read_text(encoding="utf-8"))
    beside = [0.6, 0.0, 0.0]
    """Targets beside the echo and, without a target, the two beside the floor; the floor of batches has none either."""
    assert [ratio["target"] for ratio in ratios] == [*beside * 3, 1.0, 1.0, 8.0, 0.0, *[0.6] * 6]
    assert all(ratio["ratio"] > 0 and "failed" not in ratio["detail"] for ratio in ratios)
    assert list(tmp_path.iterdir()) == [output]
