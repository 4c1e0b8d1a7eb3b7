"""Options that replace settings of the environment, for the commands that have settings."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.cli.exits import USAGE, fail
from engine.settings import Settings


def settings_of(**options: Any) -> Settings:
    """The settings; options that are not None replace the environment's. Ends the command if one is invalid."""
    try:
        return Settings(**{name: _plain(value) for name, value in options.items() if value is not None})
    except ValidationError as error:
        fail(
            "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()),
            USAGE,
        )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
