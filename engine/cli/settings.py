"""`tact settings`: what a server would be told, and by whom."""

import os
import re
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from typer.main import get_command

from engine.cli.serve import serve, settings_of
from engine.settings import Settings

_PASSWORD = re.compile(r"//([^/@:]*):[^/@]*@")


@dataclass(frozen=True, slots=True)
class _Effective:
    """A setting as it is in effect."""

    name: str
    value: object
    source: str
    """default, environment or option."""


def settings(
    options: Annotated[
        list[str] | None, typer.Argument(help="Options of tact serve, after --.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the settings that `tact serve` would run with here, and where each comes from. None of them is a secret."""
    found = _effective(_given(options or []))
    if as_json:
        typer.echo(
            orjson.dumps({one.name: asdict(one) for one in found}, option=orjson.OPT_INDENT_2).decode()
        )
        return
    table = Table("variable", "value", "source", box=None)
    for one in found:
        value = str(one.value).lower() if isinstance(one.value, bool) else str(one.value)
        table.add_row(one.name, value, one.source, style=None if one.source == "default" else "bold")
    Console(soft_wrap=True).print(table)


def _given(words: list[str]) -> dict[str, Any]:
    """The settings among options of `tact serve`; ends the command as serve would for those that it has not."""
    app = typer.Typer(add_completion=False)
    app.command("serve")(serve)
    with get_command(app).make_context("tact serve", words) as context:
        given = context.params
    return {
        name: value for name, value in given.items() if name in Settings.model_fields and value is not None
    }


def _effective(given: dict[str, Any]) -> list[_Effective]:
    in_force = settings_of(**given)
    environment = {name.upper() for name in os.environ}
    found = []
    for name in Settings.model_fields:
        variable = f"TACT_{name.upper()}"
        source = "option" if name in given else "environment" if variable in environment else "default"
        found.append(_Effective(variable, _shown(getattr(in_force, name)), source))
    return found


def _shown(value: object) -> object:
    """The value, without the password that a URL may bear."""
    return _PASSWORD.sub(r"//\1:***@", value) if isinstance(value, str) else value
