"""`python -m engine.cli` is `tact`."""

from engine.cli import main

main()
