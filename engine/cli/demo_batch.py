"""`tact demo-batch`: 200,000 members are previewed, sent to and measured."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from demo.batch import BatchReport, run_batch
from demo.batch import Progress as OnProgress
from demo.server import DemoError
from engine.cli.exits import USAGE, complain, fail
from engine.cli.presend import show_scarce
from engine.cli.screen import screen, table


def demo_batch(
    folder: Annotated[
        Path,
        typer.Option(
            help="Folder for the demo's files, which is replaced each time; no other files may be in it."
        ),
    ] = Path("build/demo-batch"),
    customers: Annotated[int, typer.Option(min=2_500, help="How many members there are.")] = 200_000,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document instead of tables.")
    ] = False,
) -> None:
    """Preview a send to 200,000 members, send to them, and report what it brought; needs no server."""
    try:
        with _progress(customers) as progress:
            report = run_batch(folder, customers, progress)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: install tact[batch,measure]", USAGE)
    except (DemoError, OSError) as error:
        complain(f"tact demo-batch: {error}")
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        _show(report)


@contextmanager
def _progress(customers: int) -> Iterator[OnProgress]:
    """A progress bar on stderr if it is a terminal, else nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task, done_of = bar.add_task("", total=customers), dict[str, int]()

        def on_progress(stage: str, done: int, total: int) -> None:
            done_of[stage] = done_of.get(stage, 0) + done
            bar.update(task, description=stage, completed=done_of[stage], total=total)

        yield on_progress


def _show(report: BatchReport) -> None:
    console = screen()
    console.print(
        f"{report.members:,} members, {sum(report.seconds.values()):.0f} s: "
        + ", ".join(f"{stage} {seconds:.0f}" for stage, seconds in report.seconds.items()),
        markup=False,
    )
    rows = table("campaign", title="before the send", title_justify="left")
    for header in ("eligible", "offered", "withheld", "outranked"):
        rows.add_column(header, justify="right")
    for campaign in report.preview["campaigns"]:
        rows.add_row(
            campaign["campaign"],
            *(f"{campaign[key]:,}" for key in ("eligible", "offered", "withheld", "outranked")),
        )
    console.print(rows, soft_wrap=False)
    for counter in report.preview["shared"]:
        console.print(
            f"{counter['counter']}: {counter['demand']:,} wanted of {counter['limit']:,}", markup=False
        )
    if "counters" in report.sent["scarce"]:
        show_scarce(report.sent["scarce"])
    sent = table("campaign", title="sent, seats to who scores highest", title_justify="left")
    for header in ("offered", "withheld"):
        sent.add_column(header, justify="right")
    numbers: dict[str, list[int]] = {}
    for form in report.sent["forms"]:
        numbers.setdefault(form["campaign"], [0, 0])[form["outcome"] == "control"] += form["people"]
    for campaign, (offered, withheld) in sorted(numbers.items()):
        sent.add_row(campaign, f"{offered:,}", f"{withheld:,}")
    console.print(sent, soft_wrap=False)
    console.print(f"{report.orders:,} orders. Effect of {_effect(report.effect)}", markup=False)
    console.print(f"the report: {report.page}; the files of the run: {report.folder}/run", markup=False)


def _effect(effect: Mapping[str, Any]) -> str:
    if effect["refused"]:
        return f"{effect['campaign']}: {effect['refused']}"
    value, low, high, truth = (100 * effect[name] for name in ("value", "low", "high", "truth"))
    return f"{effect['campaign']}: {value:+.1f} points [{low:.1f}, {high:.1f}], truth {truth:.1f}"
