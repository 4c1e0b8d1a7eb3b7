"""What a manifest gives a container, held against the program."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from engine.cli import app
from engine.settings import Settings
from tests.docs.commands import commands_of

DEPLOY = Path(__file__).parents[2] / "deploy"
_COMMANDS = commands_of(app)


def documents(*names: str) -> list[dict[str, Any]]:
    """The documents of files below deploy/."""
    return [
        document
        for name in names
        for document in yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8"))
    ]


def check_command(words: Iterable[str]) -> dict[str, str]:
    """The options that are given, by name; asserts that the command has them. A value that is none of its setting raises."""
    command, *options = words
    known = {name for option in _COMMANDS[command].params for name in option.opts}
    given = dict(word.partition("=")[::2] for word in options)
    assert set(given) <= known
    values = {
        name.removeprefix("--").replace("-", "_"): value or "true"
        for name, value in given.items()
        if name != "--json"
    }
    Settings.model_validate(values)
    return given


def check_environment(environment: Mapping[str, str]) -> None:
    """Asserts that each TACT_ variable is a setting, and raises for a value that the setting does not take."""
    named = {
        name.removeprefix("TACT_").lower(): value
        for name, value in environment.items()
        if name.startswith("TACT_")
    }
    assert set(named) <= set(Settings.model_fields)
    Settings.model_validate(named)
