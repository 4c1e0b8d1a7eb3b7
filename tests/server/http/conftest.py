"""A server that answers HTTP, which the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.books import write_book
from tests.server.access.conftest import Authority
from tests.servers import Server, serving

HTTP = ("--http", "127.0.0.1:0")
"""Answers HTTP on a free port."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the spring book and a fresh log."""
    folder = tmp_path_factory.mktemp("served")
    with serving(write_book(folder / "book"), folder / "tact.db", "--allow-simulated-now", *HTTP) as running:
        yield running


@pytest.fixture(scope="module")
def web(server: Server) -> Iterator[httpx.Client]:
    """A client of it over HTTP."""
    with httpx.Client(base_url=server.http, timeout=60) as client:
        yield client


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(trustme.CA(), tmp_path)
