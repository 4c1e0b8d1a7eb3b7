"""What the process that tests.forked forks from has imported: the program, and what it imports when it serves."""

import gc
from importlib import import_module

import tests.forked  # noqa: F401 the function that runs in what is forked
from engine.cli import COMMANDS

for _command in COMMANDS:
    import_module(f"engine.cli.{_command}")
gc.freeze()  # no collection of a forked process copies what is imported here
