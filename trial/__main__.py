"""`python -m trial`: runs the trials, prints a table, writes a report. Exit code 1 if anything did not hold."""

import argparse
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path

from trial.report import failed, show, write
from trial.result import TrialResult, TrialSettings

TRIALS = (
    "overload",
    "connections",
    "malformed_input",
    "tokens",
    "certificates",
    "reloads",
    "releases",
    "store",
    "workers",
    "disk",
    "stopping",
    "alerts",
    "peers",
    "messages",
    "watches",
    "callers",
    "discretion",
    "certificate_names",
    "probes",
    "outputs",
    "broken_files",
    "addresses",
    "connection_age",
    "http",
)
BUILD = Path("build") / "trial"


def main(words: list[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trial", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=TRIALS, help="run this trial only; may be given several times"
    )
    parser.add_argument(
        "--short", action="store_true", help="seconds instead of minutes, with rougher figures"
    )
    parser.add_argument("--output", type=Path, default=BUILD, help="folder of the report (build/trial)")
    options = parser.parse_args(words)
    results = {}
    for name in options.only or TRIALS:
        sys.stderr.write(f"{name} …\n")
        results[name] = run(name, short=options.short)
    show(results)
    sys.stdout.write(f"{write(results, options.output)}\n")
    return int(failed(results))


def run(name: str, *, short: bool) -> tuple[str, TrialResult]:
    """The trial's description and its result; a trial that raises has failed."""
    description = name
    with tempfile.TemporaryDirectory(prefix="tact-trial-") as folder:
        try:
            module = import_module(f"trial.{name}")
            description = str(module.__doc__).strip()
            result: TrialResult = module.run(TrialSettings(Path(folder), short))
        except Exception as error:  # noqa: BLE001 the other trials still run
            traceback.print_exc()
            result = TrialResult(failures=[f"it broke off: {type(error).__name__}"])
    return description, result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
