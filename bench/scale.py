"""What an export, a report and a replay of a large log take: `python -m bench.scale LOG`, of a log that `bench.multiply` made.

Each command runs in a process of its own; its memory is the largest resident set that the system saw.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from bench.multiply import BEGIN
from bench.processes import ROOT, CannotMeasure
from demo.server import book_folder

_AS_OF = "2026-09-01"
"""When all windows are over."""
_MISMATCH = 1
"""How a report ends that found a sample ratio mismatch: copies of the same persons repeat the accidents of their draws."""


class Used(NamedTuple):
    """What a command used."""

    seconds: float
    processor: float
    """Seconds of processor time."""
    megabytes: float
    """Largest resident set."""


def run(*words: str, may_end_with: int = 0) -> Used:
    """Runs a command of tact. Raises CannotMeasure if it ends otherwise than with 0 or the status given."""
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *words], env=environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in {0, may_end_with}:
        raise CannotMeasure(f"{words[0]} ended with {process.returncode}")
    elapsed = time.perf_counter() - began
    return Used(elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def main(
    log: Annotated[Path, typer.Argument(help="The log.")],
    memory: Annotated[str, typer.Option(help="What DuckDB may use.")] = "1GB",
    days: Annotated[int, typer.Option(help="Days to replay, from the first on; 0: none.")] = 7,
) -> None:
    """Print what each command took."""
    url = f"sqlite:///{log.absolute()}"
    with tempfile.TemporaryDirectory(dir=log.absolute().parent) as folder:
        out = Path(folder, "export")
        _print(
            "export", run("export", "--log", url, "--rules", str(book_folder()), "--memory", memory, str(out))
        )
        words = ("report", "--rules", str(book_folder()), "--export", str(out), "--as-of", _AS_OF)
        words = (*words, "--memory", memory, "--json", str(Path(folder, "report.json")))
        _print("report", run(*words, may_end_with=_MISMATCH))
    if days:
        until = BEGIN.fromordinal(BEGIN.toordinal() + days)
        _print("replay", run("replay", "--log", url, "--to", f"{until:%Y-%m-%d}T00:00Z"))


def _print(name: str, used: Used) -> None:
    typer.echo(
        f"{name}: {used.seconds:,.0f} s, {used.processor:,.0f} s of processor time, {used.megabytes:,.0f} MB"
    )


if __name__ == "__main__":
    typer.run(main)
