"""`python -m trial`: runs the trials, prints a table, writes a report. Exit code 1 if anything did not hold."""

import argparse
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

from trial.report import failed, show, write
from trial.result import Finding, Place

TRIALS = (
    "overload",
    "connections",
    "nonsense",
    "tokens",
    "certificates",
    "reloads",
    "store",
    "workers",
    "disk",
    "stopping",
)
BUILD = Path("build") / "trial"


def main(words: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trial", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=TRIALS, help="this one, and others that are named so"
    )
    parser.add_argument(
        "--short", action="store_true", help="seconds in place of minutes, with rougher figures"
    )
    parser.add_argument("--output", type=Path, default=BUILD, help="folder of the report (build/trial)")
    given = parser.parse_args(words)
    found = {}
    for name in given.only or TRIALS:
        sys.stderr.write(f"{name} …\n")
        found[name] = run(name, short=given.short)
    show(found)
    sys.stdout.write(f"{write(found, given.output)}\n")
    return int(failed(found))


def run(name: str, *, short: bool) -> tuple[str, Finding]:
    """What the trial is about, and what it found; a trial that breaks off has failed."""
    module = import_module(f"trial.{name}")
    with tempfile.TemporaryDirectory(prefix="tact-trial-") as folder:
        try:
            finding: Finding = module.run(Place(Path(folder), short))
        except Exception as error:  # noqa: BLE001 the others are still to be tried
            traceback.print_exc()
            finding = Finding(failures=[f"it broke off: {type(error).__name__}"])
    return str(module.__doc__).strip(), finding


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
