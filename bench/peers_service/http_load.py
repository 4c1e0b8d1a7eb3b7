"""The client of the services over HTTP: jobs as of `bench.load`, closed ones only, over kept-alive connections.

`python -m bench.peers_service.http_load CUSTOMERS`. It sends JSON that was written before and does not parse the answers.
"""

import asyncio
import gc
import json
import sys
import time
from collections import deque
from typing import Any

import uvloop

from bench.books import request_id
from bench.load import closed, quantile
from bench.peers_service.book import as_json, bodies

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Source:
    """Requests without end: the customers in turn, each time with a request_id of its own."""

    def __init__(self, documents: list[bytes]) -> None:
        self._documents, self._next = documents, 0

    def request(self) -> bytes:
        """The next one, as it goes over the wire."""
        number = self._next
        self._next += 1
        return posted(with_request_id(self._documents[number % len(self._documents)], request_id(number)))


def with_request_id(document: bytes, name: str) -> bytes:
    """An object in JSON with this request_id before its other fields."""
    return b'{"request_id":"%b",%b' % (name.encode(), document[1:])


def posted(body: bytes) -> bytes:
    return (
        b"POST /v1/decide HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: "
        b"%d\r\n\r\n%b" % (len(body), body)
    )


async def exchange(connection: Connection, message: bytes) -> bytes:
    """The body of the answer; raises ConnectionError for one that is not OK."""
    reader, writer = connection
    writer.write(message)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError(f"{head.decode()}{body.decode()}")
    return body


async def connect(target: str) -> Connection:
    """A connection to http://HOST:PORT."""
    host, _, port = target.removeprefix("http://").partition(":")
    return await asyncio.open_connection(host, int(port))


async def run(job: dict[str, Any], source: Source) -> dict[str, Any]:
    """Does a job over connections of its own, since servers close those that rest; its figures."""
    free = deque([await connect(job["target"]) for _ in range(job["clients"])])

    async def send() -> None:
        connection = free.popleft()
        await exchange(connection, source.request())
        free.append(connection)

    gc.collect()
    start = time.perf_counter()
    latencies = await closed(send, job["clients"], job["seconds"])
    elapsed = time.perf_counter() - start
    for _, writer in free:
        writer.close()
    return {
        "calls": len(latencies),
        "failed": 0,
        "per_second": len(latencies) / elapsed,
        "p50": quantile(latencies, 0.50) * 1000,
        "p99": quantile(latencies, 0.99) * 1000,
    }


async def main(customers: int) -> None:
    gc.disable()  # as in bench.load
    source = Source([as_json(body) for body in bodies(customers)])
    print(json.dumps({"ready": True}), flush=True)
    while line := sys.stdin.readline():
        print(json.dumps(await run(json.loads(line), source)), flush=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
