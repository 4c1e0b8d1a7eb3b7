"""Options that replace settings of the environment, for the commands that have settings."""

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError

from engine.cli.exits import USAGE, fail
from engine.settings import Settings

LogUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="URL of the decision log: sqlite:///FILE or postgresql://USER@HOST/DATABASE. Or TACT_LOG."
    ),
]
"""The option `--log`."""


def settings_of(**options: Any) -> Settings:
    """The settings; options that are not None replace the environment's. Ends the command if one is invalid or misspelt."""
    misspelt = "; ".join(_misspelt(os.environ))
    if misspelt:
        fail(misspelt, USAGE)
    try:
        return Settings(**{name: _plain(value) for name, value in options.items() if value is not None})
    except ValidationError as error:
        fail(
            "; ".join(
                f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors()
            ),
            USAGE,
        )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


_OTHERS = (
    "CA",
    "CERT",
    "KEY",
    "SERVER_NAME",
    "TOKEN_FILE",
    "DB_PASSWORD",
    "CONSOLE_PROXY",
    "CONSOLE_EDIT",
    "CONSOLE_METRICS",
)
"""Those of commands that call a server, and of deploy/compose.yaml."""


_OF_KUBERNETES = re.compile(r"TACT_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)")
"""What Kubernetes adds for a service by the name `tact`, unless `enableServiceLinks` is false."""


def _misspelt(variables: Iterable[str]) -> Iterable[str]:
    """What is wrong with the variables that begin as ours do and are none: ignored, TACT_CALLER would serve everybody."""
    known = [f"TACT_{name.upper()}" for name in (*Settings.model_fields, *_OTHERS)]
    for name in sorted(variables):
        variable = name.upper()
        if variable.startswith("TACT_") and variable not in known and not _OF_KUBERNETES.fullmatch(variable):
            close = get_close_matches(variable, known, n=1)
            yield f"there is no setting {name}" + (f"; did you mean {close[0]}?" if close else "")
