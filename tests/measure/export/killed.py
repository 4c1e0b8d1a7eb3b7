"""An export that is killed before the given step among those by which files are made, replaced and deleted."""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from engine.measure.export import export, manifest
from tests.forked import CONTEXT


def export_killed(url: str, folder: Path, step: int) -> int | None:
    """The exit code of the process that exports: 0 if it was done before that step."""
    process = CONTEXT.Process(target=_export, args=(url, folder, step), daemon=True)
    process.start()
    process.join()
    return process.exitcode


def _export(url: str, folder: Path, step: int) -> None:
    steps = count()

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **named: Any) -> Any:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return counting

    Path.replace, Path.unlink = counted(Path.replace), counted(Path.unlink)  # type: ignore[method-assign]
    vars(export)["sync"] = vars(manifest)["sync"] = counted(manifest.sync)
    export.export(url, folder)
