"""How child processes of our own code start: by our interpreter, with what this process can import, and nothing else."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def child_command(code: str) -> Sequence[str]:
    """The command that runs Python code; it imports nothing from the folder in which it is started."""
    return [sys.executable, "-P", "-c", code]


def child_environment(temporary: str | None = None) -> dict[str, str]:
    """The environment of a child, which imports from the same folders as this process, wherever it is started.

    An empty entry of this process's path means its own working directory, which need not be that of the child.
    temporary: the folder for its temporary files, which whoever starts it deletes, as a child that is killed cannot.
    """
    folders = os.pathsep.join(str(Path(folder).absolute()) for folder in sys.path)
    return {**os.environ, "PYTHONPATH": folders, **({} if temporary is None else {"TMPDIR": temporary})}
