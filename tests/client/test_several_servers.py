"""A target with several addresses: all of the servers there are called."""

from pathlib import Path

from engine.client import AsyncClient, Client
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.requests import li_na
from tests.servers import serving


async def test_calls_go_to_each_address_in_turn(tmp_path: Path) -> None:
    """Both clients call two servers alike, and when one has gone the other answers everything."""
    book, logs = write_book(tmp_path / "book"), [sqlite_log(_folder(tmp_path / name)) for name in "ab"]
    with serving(book, logs[0]) as first, serving(book, logs[1]) as second:
        both = f"ipv4:{first.target},{second.target}"
        with Client(both, timeout=60) as client:
            while not all(map(decided, logs)):
                client.decide(li_na())
            assert first.stop() == 0
            before = decided(logs[1])
            for _ in range(5):
                client.decide(li_na())
            assert decided(logs[1]) == before + 5
        async with AsyncClient(both, timeout=60) as aclient:
            await aclient.decide(li_na())
        assert second.stop() == 0


def decided(log: Log) -> int:
    """How many decisions the log has."""
    ((count,),) = log.rows("select count(*) from decisions")
    return int(count)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
