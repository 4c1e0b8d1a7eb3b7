"""The command line `tact`: one module a command, imported only when the command runs."""

import sys
from difflib import get_close_matches
from importlib import import_module
from traceback import format_exception
from typing import Any

import typer

from engine.cli.command import CliCommand, CliGroup

COMMANDS = (
    "serve",
    "console",
    "check",
    "schema",
    "lsp",
    "reach",
    "decide",
    "explain",
    "tail",
    "due",
    "replay",
    "test",
    "simulate",
    "presend",
    "presend-status",
    "presend-result",
    "prices",
    "person",
    "prune",
    "diff",
    "evaluate",
    "publish",
    "approve",
    "activate",
    "rollback",
    "versions",
    "servers",
    "buckets",
    "counters",
    "plan",
    "health",
    "migrate",
    "export",
    "report",
    "token",
    "settings",
    "demo",
    "demo-batch",
)
"""The module of each name has a function, or a group of commands, of the same name."""

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class _Commands(CliGroup):
    """Imports a command's module when the command is needed."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- click's signature
        """The names, in the order of the help."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word; a usage error that names the command most like it, if there is none."""
        close = [] if args[0] in COMMANDS else get_close_matches(args[0], COMMANDS, n=1)
        if close:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {close[0]!r}?")
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 -- click's signature
        """The command; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"engine.cli.{name}"), name)
        if isinstance(command, typer.Typer):
            return typer.main.get_command(command)
        single = typer.Typer(
            add_completion=False, pretty_exceptions_enable=False, context_settings=_HELP_OPTIONS
        )
        single.command(cmd_name, cls=CliCommand)(command)
        return typer.main.get_command(single)


app = typer.Typer(
    name="tact",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP_OPTIONS,
    epilog="Exit codes: 0 fine; 2 usage; 3 the book does not load; 4 a scenario or a budget failed;"
    " 5 the people do not fit; 6 a check of the columns failed; 1 anything else.",
)


def _show_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version  # noqa: PLC0415 -- no other command needs it

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
    """Run the command line. Its exit codes are in engine.cli.exits."""
    try:
        app()
    except Exception as error:  # noqa: BLE001 shown as Python shows it, but without secrets
        from engine.model.shown import printable_lines, without_secrets  # noqa: PLC0415 no other command needs it

        sys.stderr.write(printable_lines(without_secrets("".join(format_exception(error)))))
        sys.exit(1)
