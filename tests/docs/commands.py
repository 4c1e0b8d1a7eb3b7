"""The commands of the command line, each loaded."""

from types import SimpleNamespace
from typing import Any

from typer import Typer
from typer.main import get_command


def commands_of(app: Typer) -> dict[str, Any]:
    """Every command by its name; a group of commands has the options of all of them."""
    group: Any = get_command(app)
    commands = {name: _whole(group.get_command(None, name)) for name in group.list_commands(None)}
    assert commands
    return commands


def _whole(command: Any) -> Any:
    below = getattr(command, "commands", {})
    params = [parameter for command in below.values() for parameter in command.params]
    return SimpleNamespace(params=params) if below else command
