"""`tact presend-result`: what a run sent, as one file for the sender."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.exits import USAGE, complain, fail
from engine.cli.logged import check_log
from engine.cli.options import LogUrl, settings_of
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store


def presend_result(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    source: Annotated[Path, typer.Option("--from", help="Folder of the run.")],
    target: Annotated[Path, typer.Option("--to", help="File to write: .csv or .parquet.")],
    log: LogUrl = None,
    campaign: Annotated[
        list[str] | None, typer.Option(help="Only offers of this campaign; may be repeated.")
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option(help="Only offers on this channel; may be repeated.")
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody, also those who get nothing; else only offers.")
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Also of a run that is not finished: what is committed so far.")
    ] = False,
) -> None:
    """Write what a run sent to one file, each customer once; every file of the run is checked against the log."""
    from engine.presend.result import Wanted, write_result  # noqa: PLC0415 - loads arrays
    from engine.presend.run import RunRefused, summary  # noqa: PLC0415 - as above

    if target.suffix not in (".csv", ".parquet"):
        fail(f"--to {target}: the file must end in .csv or .parquet", USAGE)
    url = settings_of(log=log).log
    try:
        check_log(url)
        with closing(open_store(url)) as store:
            made = summary(store, run)
        if made is None:
            fail(f"there is no run {run} in the log", USAGE)
        if made.run.finished_at is None and not partial:
            fail(f"the run {run} is not finished: go on with it, or give --partial", USAGE)
        wanted = Wanted(() if everybody else ("offer",), tuple(campaign or ()), tuple(channel or ()))
        rows = write_result(made, source, wanted, target)
    except (ValueError, RunRefused) as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    for column, names in ((1, wanted.campaigns), (3, wanted.channels)):
        sent = sorted({form[column] for form in made.forms})
        for name in sorted(set(names) - set(sent)):
            complain(f"the run sent nothing of {name}; it sent of {', '.join(sent) or 'nothing else'}")
    typer.echo(f"{rows:,} customers in {target}")
