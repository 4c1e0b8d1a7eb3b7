"""Simulates a people file for a command: progress on a terminal, and the end of the command where the file does not fit."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.batch.lanes import Disagreement
from engine.cli.exits import PEOPLE, USAGE, VERIFY, fail
from engine.decide.compiled import CompiledBook
from engine.ledger.errors import LedgerError
from engine.measure.population.document import check_parquet, decisions_csv, decisions_parquet
from engine.measure.population.files import MissingExtra
from engine.measure.population.people import Faults
from engine.measure.population.simulate import (
    OnRow,
    PeopleRefused,
    SimulatedRow,
    SimulationPlan,
    StagedPeople,
    simulate,
    stage,
)
from engine.measure.population.tally import Tally


class Simulated(NamedTuple):
    """The people of a file, and what was counted of them."""

    people: StagedPeople
    tally: Tally


def simulated(
    compiled: CompiledBook,
    path: Path,
    plan: SimulationPlan,
    *,
    csv: Path | None = None,
    parquet: Path | None = None,
) -> Simulated:
    """Simulates the plan over the people of the file; csv, parquet: files to which every decision is written."""
    try:
        if parquet is not None:
            check_parquet()
        with tempfile.TemporaryDirectory() as folder, ExitStack() as outputs:
            people = _staged(compiled, path, plan, Path(folder))
            writers = [outputs.enter_context(decisions_csv(csv))] if csv is not None else []
            if parquet is not None:
                writers.append(outputs.enter_context(decisions_parquet(parquet, Path(folder))))
            return Simulated(people, _decided(compiled, people, plan, writers))
    except PeopleRefused as error:
        refuse(path, error.faults)
    except Disagreement as error:
        fail(f"stopped, this is a defect of Tact: {error}", VERIFY)
    except MissingExtra as error:
        fail(str(error), USAGE)
    except OSError as error:
        fail(f"{error.filename} cannot be written: {error.strerror}")
    except LedgerError as error:
        fail(f"the simulation could not be run: {error}")


def _staged(compiled: CompiledBook, path: Path, plan: SimulationPlan, folder: Path) -> StagedPeople:
    with progress(TextColumn("reading"), TextColumn("{task.completed:,} people")) as bar:
        task = bar.add_task("", total=None)
        try:
            return stage(path, compiled, plan, folder, lambda number: bar.advance(task, number))
        except OSError as error:
            fail(f"{path} cannot be read: {error.strerror}", USAGE)
        except ValueError as error:
            fail(str(error), USAGE)


def _decided(
    compiled: CompiledBook,
    people: StagedPeople,
    plan: SimulationPlan,
    writers: Sequence[OnRow],
) -> Tally:
    columns = (TextColumn("deciding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with progress(*columns) as bar:
        task = bar.add_task("", total=plan.visits.expected(people.persons, plan.days))

        def write(row: SimulatedRow) -> None:
            for writer in writers:
                writer(row)

        return simulate(
            compiled,
            people,
            plan,
            on_row=write if writers else None,
            advance=lambda number: bar.advance(task, number),
        )


def progress(*columns: Any) -> Progress:
    """A progress bar on the terminal; silent where standard error is none."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def refuse(path: Path, faults: Faults) -> NoReturn:
    """Ends the command where the people do not fit the book: prints the first faults and the number of all."""
    for fault in faults.first:
        typer.echo(str(fault), err=True)
    if faults.count > len(faults.first):
        typer.echo(f"and {faults.count - len(faults.first):,} more", err=True)
    number = "1 fault" if faults.count == 1 else f"{faults.count:,} faults"
    fail(f"{path} does not fit the book: {number}", PEOPLE)
