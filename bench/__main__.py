"""`python -m bench`: measures, prints a table, writes build/bench.json. Figures are not tests: they never fail it."""

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.ratio import Ratio
from bench.table import Step, progress, show, write

BUILD = Path(__file__).parents[1] / "build"


class Suite(StrEnum):
    """What can be measured."""

    MATCHING = "matching"
    SERVICE = "service"
    STAGES = "stages"
    LEDGER = "ledger"
    HISTORY = "history"
    POSTGRES = "postgres"
    SIGNALS = "signals"
    ATTRIBUTES = "attributes"
    WORKERS = "workers"
    MEASURE = "measure"
    CHALLENGER = "challenger"
    BATCH = "batch"
    PRESEND = "presend"
    SCARCE = "scarce"
    EDITOR = "editor"
    RELEASE = "release"
    HTTP = "http"
    CONSOLE = "console"
    PEERS_SERVICE = "peers-service"


_MODULES = {Suite.PEERS_SERVICE: "bench.peers_service.suite"}
"""Of suites that are not in the module of their name."""


def main(
    only: Annotated[list[Suite] | None, typer.Option(help="Measure only this; may be given twice.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A short form with rougher figures.")] = False,
    output: Annotated[Path, typer.Option(help="File for the ratios, a list of JSON.")] = BUILD / "bench.json",
) -> None:
    """Measure ratios side by side: at or above its target a ratio is good. Exits 0 when everything was measured."""
    suites = list(dict.fromkeys(only or Suite))
    ratios: list[Ratio] = []
    with progress(len(suites)) as (step, done):
        for suite in suites:
            ratios += measured(suite, quick=quick, step=step)
            done()
    show(ratios, Console())
    write(ratios, output)


def measured(suite: Suite, *, quick: bool, step: Step) -> list[Ratio]:
    """The ratios of a suite; imported here, since the peers of matching are installed only by `make bench`."""
    step(suite)
    module: Any = import_module(_MODULES.get(suite, f"bench.{suite}"))
    if suite is not Suite.MATCHING:
        return list(module.ratios(quick=quick, step=step))
    return list(map(module.growth, module.More)) if quick else list(module.ratios())


def run(command: Callable[..., None] = main) -> None:
    """As a program."""
    typer.run(command)


if __name__ == "__main__":
    run()
