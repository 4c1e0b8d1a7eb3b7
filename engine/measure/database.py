"""Opens DuckDB: with a bound on memory, a folder for what exceeds it, and nothing loaded from elsewhere."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def open_database(
    file: Path | None = None,
    *,
    memory: str = "512MB",
    spill: Path | None = None,
    threads: int | None = None,
    ordered: bool = True,
) -> "DuckDBPyConnection":
    """Opens a database whose clock is in UTC.

    file: of its tables; None: they are in memory. memory: what it may use. spill: the folder for what goes beyond, which is
    made; without it a query that needs more fails. threads: at most so many; None: one a core. ordered: whether rows keep the
    order in which they were inserted or read, which takes memory. Raises ModuleNotFoundError without the extra `measure`.
    """
    import duckdb  # noqa: PLC0415 -- of the extra `measure`

    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "temp_directory": "" if spill is None else str(spill),
        "preserve_insertion_order": ordered,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(":memory:" if file is None else str(file), config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        "SET enable_progress_bar = false"
    )  # which would stand in standard output, among results
    return connection


def as_pattern(path: Path) -> str:
    """The path as DuckDB reads it, which takes names of files for patterns: `[`, `*` and `?` stand for themselves."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def cause_of(error: Exception, memory: str) -> str:
    """What an error of DuckDB or of the system says, on one line. memory: what DuckDB may use."""
    import duckdb  # noqa: PLC0415 -- of the extra `measure`

    if isinstance(error, duckdb.OutOfMemoryException):
        return f"it needs more memory than {memory}, or more room on disk beyond it"
    return str(error).partition("\n")[0]
