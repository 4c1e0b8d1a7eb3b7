"""What tests share: logs on both stores, and the switch that rewrites golden files."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import structlog

from engine.ledger.store.open import open_store
from tests.logs import Log, sqlite_log
from tests.postgres import PostgresServer, postgres

# the default shows every local of a traceback, which takes seconds where a book is among them
structlog.configure(
    processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switches: pytest tests/rulebook tests/scenario --rewrite-golden, tests/server/test_replicas.py --kills 200."""
    parser.addoption(
        "--rewrite-golden", action="store_true", help="write what the tests see as what they want"
    )
    parser.addoption("--kills", type=int, default=12, help="how often servers are killed under load")


LONG = (
    "tests/trial/",
    "tests/docs/test_walks.py",
    "tests/demo/",
    "tests/bench/",
    "tests/deploy/test_licences.py",
)
"""Where single tests take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests: one that starts when the others are done would keep a single core busy to the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are rewritten instead of compared."""
    return bool(request.config.getoption("--rewrite-golden", default=False))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this process, with a database `empty` that has the newest tables."""
    with postgres() as server:
        open_store(server.create_database("empty")).close()
        yield server


@pytest.fixture
def postgres_log(postgres_server: PostgresServer) -> Iterator[Log]:
    """A fresh log on PostgreSQL."""
    name = f"log_{uuid4().hex}"
    yield Log(postgres_server.create_database(name, template="empty"))
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_log(request: pytest.FixtureRequest, tmp_path: Path) -> Log:
    """A fresh log on each store in turn."""
    if request.param == "sqlite":
        return sqlite_log(tmp_path)
    log: Log = request.getfixturevalue("postgres_log")
    return log
