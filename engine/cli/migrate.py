"""`tact migrate`: upgrades the decision log to the newest form, or downgrades it to an earlier one."""

from typing import Annotated

import typer

from engine.cli.exits import USAGE, fail
from engine.cli.options import LogUrl, settings_of
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import check_url, migrate_log


def migrate(
    log: LogUrl = None,
    to: Annotated[
        str | None,
        typer.Option(help="An earlier form to go back to; data that only later forms can hold is dropped."),
    ] = None,
) -> None:
    """Create the decision log's tables, or bring them to the newest form."""
    settings = settings_of(log=log)
    try:
        check_url(settings.log)
        form = migrate_log(settings.log, to)
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    typer.echo(f"the log has form {form}")
