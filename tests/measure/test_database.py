"""How DuckDB is opened: bounded, on the clock of UTC, with nothing from elsewhere."""

from pathlib import Path

import duckdb
import pytest

from engine.measure.database import open_database


def _setting(connection: duckdb.DuckDBPyConnection, name: str) -> object:
    ((value,),) = connection.execute("SELECT current_setting(?)", [name]).fetchall()
    return value


def test_it_is_bounded_and_loads_nothing(tmp_path: Path) -> None:
    """Memory and threads are as asked for, spilling goes to the folder, and nothing is fetched or written beside results."""
    with open_database(memory="64MiB", spill=tmp_path / "spilled", threads=1, ordered=False) as connection:
        assert _setting(connection, "memory_limit") == "64.0 MiB"
        assert _setting(connection, "temp_directory") == str(tmp_path / "spilled")
        assert _setting(connection, "threads") == 1
        assert _setting(connection, "preserve_insertion_order") is False
        assert _setting(connection, "TimeZone") == "UTC"
        assert _setting(connection, "autoinstall_known_extensions") is False
        assert _setting(connection, "autoload_known_extensions") is False
        assert _setting(connection, "enable_progress_bar") is False


def test_tables_in_memory_spill(tmp_path: Path) -> None:
    """A table larger than the limit is kept, where there is a folder for it, and refused without one."""
    rows = "CREATE TABLE wide AS SELECT md5(i::VARCHAR) AS text FROM range(1000000) numbers(i)"
    with open_database(memory="32MiB", spill=tmp_path / "spilled", threads=1) as connection:
        connection.execute(rows)
        assert connection.execute("SELECT count(DISTINCT text[1:2]) FROM wide").fetchall() == [(256,)]
    with (
        open_database(memory="32MiB", threads=1) as connection,
        pytest.raises(duckdb.OutOfMemoryException),
    ):
        connection.execute(rows)
