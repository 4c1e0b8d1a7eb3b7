"""`tact settings`: the settings in effect, and where each comes from."""

import os
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text
from typer.main import get_command

from engine.cli.options import settings_of
from engine.cli.screen import screen, table
from engine.model.shown import printable, printable_lines, shown
from engine.settings import Settings


@dataclass(frozen=True, slots=True)
class _Effective:
    """A setting in effect."""

    name: str
    value: object
    source: str
    """default, environment or option."""


def settings(
    options: Annotated[
        list[str] | None,
        typer.Argument(help="Options of tact serve, after --.", metavar="OPTION", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the settings that `tact serve` would run with here, and where each comes from. None of them is a secret."""
    effective = _effective(_serve_options(options or []))
    if as_json:
        document = {setting.name: asdict(setting) for setting in effective}
        typer.echo(printable_lines(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()))
        return
    rows = table("variable", "value", "source", box=None)
    for setting in effective:
        value = str(setting.value).lower() if isinstance(setting.value, bool) else str(setting.value)
        rows.add_row(
            setting.name,
            Text(printable(value)),
            setting.source,
            style=None if setting.source == "default" else "bold",
        )
    screen().print(rows, soft_wrap=False)


def _serve_options(words: list[str]) -> dict[str, Any]:
    """The settings among options of `tact serve`; ends the command as serve would for invalid options."""
    if not words:
        return {}
    from engine.cli.serve import serve  # noqa: PLC0415 -- imports the whole server

    app = typer.Typer(add_completion=False)
    app.command("serve")(serve)
    with get_command(app).make_context("tact serve", words) as context:
        params = context.params
    return {
        name: value for name, value in params.items() if name in Settings.model_fields and value is not None
    }


def _effective(options: dict[str, Any]) -> list[_Effective]:
    settings = settings_of(**options)
    environment = {name.upper() for name in os.environ}
    effective = []
    for name in Settings.model_fields:
        variable = f"TACT_{name.upper()}"
        source = "option" if name in options else "environment" if variable in environment else "default"
        effective.append(_Effective(variable, shown(getattr(settings, name)), source))
    return effective
