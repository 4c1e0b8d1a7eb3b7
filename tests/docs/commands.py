"""The commands of the command line, each loaded."""

from types import SimpleNamespace
from typing import Any

from typer import Typer
from typer.main import get_command


def commands_of(app: Typer) -> dict[str, Any]:
    """Every command by its name; a group of commands has the options of all of them."""
    group: Any = get_command(app)
    found = {name: _whole(group.get_command(None, name)) for name in group.list_commands(None)}
    assert found
    return found


def _whole(command: Any) -> Any:
    below = getattr(command, "commands", {})
    params = [one for each in below.values() for one in each.params]
    return SimpleNamespace(params=params) if below else command
