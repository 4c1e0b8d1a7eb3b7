"""The command line `tact`: one module a command."""

import typer

from engine.cli.check import check
from engine.cli.decide import decide
from engine.cli.demo import demo
from engine.cli.health import health
from engine.cli.serve import serve

app = typer.Typer(
    name="tact",
    help="Decides what to say to a customer, in which form, on which channel, or to stay silent.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 slow to load, and seldom wanted

        typer.echo(f"tact {version('tact')}")
        raise typer.Exit


@app.callback()
def _tact(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Holds the options that every command shares."""


_tact.__doc__ = None
for command in (serve, check, decide, health, demo):
    app.command()(command)


def main() -> None:
    """Runs the command line. Exit codes: 0 fine; 2 usage; 3 the book does not load; 1 anything else."""
    app()
