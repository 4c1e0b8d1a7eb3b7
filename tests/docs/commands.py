"""The commands of the command line, each loaded."""

from typing import Any

from typer import Typer
from typer.main import get_command


def commands_of(app: Typer) -> dict[str, Any]:
    """Every command by its name."""
    group: Any = get_command(app)
    found = {name: group.get_command(None, name) for name in group.list_commands(None)}
    assert found
    return found
