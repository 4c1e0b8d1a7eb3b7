"""The command line `tact`: one module a command, loaded when it is asked for."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = (
    "serve",
    "check",
    "decide",
    "explain",
    "test",
    "buckets",
    "health",
    "migrate",
    "token",
    "settings",
    "demo",
)
"""Each is the function, or the group of commands, of that name in the module of that name."""

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class _Commands(TyperGroup):
    """Finds commands by name and imports no more than the one that runs."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command; None for a name that is none."""
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"engine.cli.{cmd_name}"), cmd_name)
        if isinstance(found, typer.Typer):
            return typer.main.get_command(found)
        one = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, context_settings=_HELP_OPTIONS
        )
        one.command(cmd_name)(found)
        return typer.main.get_command(one)


app = typer.Typer(
    name="tact",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP_OPTIONS,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 no other command needs it

        typer.echo(f"tact {version('tact')}")
        raise typer.Exit


@app.callback()
def _tact(
    show: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Decides what to say to a customer, in which form, on which channel, or to stay silent."""


def main() -> None:
    """Runs the command line. Exit codes: 0 fine; 2 usage; 3 the book does not load; 4 a scenario failed; 1 anything else."""
    app()
