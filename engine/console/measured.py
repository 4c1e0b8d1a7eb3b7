"""What servers count and how they are set up, read from their metrics ports within bounds of time and size."""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import httpx
import orjson
from prometheus_client.parser import text_string_to_metric_families

from engine.console.texts import _
from engine.model.shown import shown

_SECONDS = 2.0
"""For all that is read of one server."""


_MOST_BYTES = 2 * 1024 * 1024
"""Of one document; a server's metrics have some tens of kilobytes."""


_AT_ONCE = 16


_MOST_CAUSES = 100
"""Rows of refusals that are shown of one server."""


class RefusedCalls(NamedTuple):
    """Calls, or items of calls, that a server has refused since it started."""

    method: str
    reason: str
    """The status of a call in gRPC's words; the reason of an item in lower case."""
    number: int


class MeasuredServer(NamedTuple):
    """One server, as its metrics port shows it."""

    address: str
    trouble: str = ""
    """A sentence that says why it cannot be read; then the rest is empty."""
    is_ready: bool = False
    degraded: int = 0
    """Fallbacks that were returned since its log did not store the decision."""
    books_refused: int = 0
    """Reloads that were refused, and a version of the log that it cannot serve."""
    refused: Sequence[RefusedCalls] = ()
    """The most frequent first."""
    settings: Sequence[tuple[str, str]] = ()
    """In force, by variable; without passwords."""


class _NotReadable(Exception):
    """The server's document cannot be read; the text is a sentence for the page."""


def measured(addresses: Sequence[str], *, with_settings: bool) -> list[MeasuredServer]:
    """Reads all servers at once, in the order of their addresses, each `host:port`."""
    if not addresses:
        return []
    # what proxies the environment names is for the world outside, not for servers of one's own
    with (
        httpx.Client(timeout=_SECONDS, trust_env=False, headers={"accept-encoding": "identity"}) as client,
        ThreadPoolExecutor(_AT_ONCE) as threads,
    ):
        futures = [
            (address, threads.submit(_read_server, client, address, with_settings)) for address in addresses
        ]
        read: list[MeasuredServer] = []
        for address, future in futures:
            try:
                read.append(future.result())
            except _NotReadable:
                read.append(
                    MeasuredServer(
                        address, _("Its metrics cannot be read: is the address that of a metrics port?")
                    )
                )
            except httpx.TimeoutException:
                read.append(MeasuredServer(address, _("It did not answer in time.")))
            except (httpx.HTTPError, httpx.InvalidURL):
                read.append(MeasuredServer(address, _("It cannot be reached.")))
        return read


def _read_server(client: httpx.Client, address: str, with_settings: bool) -> MeasuredServer:
    ends = time.monotonic() + _SECONDS
    counted = _samples(_text(client, address, "/metrics", ends))
    settings: list[tuple[str, str]] = []
    if with_settings:
        with suppress(_NotReadable):  # a server of an earlier version has no such page
            settings = _settings(_text(client, address, "/settings", ends))
    causes = [RefusedCalls(method, reason, number) for (method, reason), number in _refused(counted).items()]
    causes.sort(key=lambda cause: (-cause.number, cause))
    books = sum(
        number
        for (name, labels), number in counted.items()
        if name == "tact_book_refused" or (name == "tact_reloads_total" and ("result", "refused") in labels)
    )
    return MeasuredServer(
        address,
        is_ready=counted.get(("tact_ready", frozenset()), 0) == 1,
        degraded=counted.get(("tact_degraded_total", frozenset()), 0),
        books_refused=books,
        refused=causes[:_MOST_CAUSES],
        settings=settings,
    )


_Counted = Mapping[tuple[str, frozenset[tuple[str, str]]], int]
"""Whole numbers, by the name and the labels of a sample."""


_LEFT = ("OK", "CANCELLED")
"""Statuses of calls that no server refused."""


def _refused(counted: _Counted) -> dict[tuple[str, str], int]:
    """Refused calls and items above 0, by method and reason."""
    refused: dict[tuple[str, str], int] = {}
    for (name, labels), number in counted.items():
        by_name = dict(labels)
        reason = {"tact_calls_total": by_name.get("status"), "tact_refused_total": by_name.get("reason")}.get(
            name
        )
        if number and reason and reason not in _LEFT:
            key = (by_name.get("method", ""), reason)
            refused[key] = refused.get(key, 0) + number
    return refused


_WANTED = frozenset(
    (
        "tact_calls_total",
        "tact_refused_total",
        "tact_degraded_total",
        "tact_reloads_total",
        "tact_book_refused",
        "tact_ready",
    )
)


def _samples(text: str) -> _Counted:
    counted: dict[tuple[str, frozenset[tuple[str, str]]], int] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in _wanted(family.samples):
                if not math.isfinite(sample.value):
                    raise _NotReadable
                counted[sample.name, frozenset(sample.labels.items())] = int(sample.value)
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:  # of the parser, for what is no metrics
        raise _NotReadable from error
    if ("tact_ready", frozenset()) not in counted and not any(
        name == "tact_calls_total" for name, _labels in counted
    ):
        raise _NotReadable
    return counted


def _wanted(samples: Iterable[Any]) -> Iterable[Any]:
    return (sample for sample in samples if sample.name in _WANTED)


def _settings(text: str) -> list[tuple[str, str]]:
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise _NotReadable from error
    if not isinstance(document, dict):
        raise _NotReadable
    return [(name, _written(value)) for name, value in document.items()]


def _written(value: object) -> str:
    """The value as the variable would have it, without passwords."""
    value = shown(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _text(client: httpx.Client, address: str, path: str, ends: float) -> str:
    """The document at the path, read until a moment of time.monotonic's clock. Raises _NotReadable, httpx.HTTPError."""
    content = bytearray()
    with client.stream("GET", f"http://{address}{path}") as response:
        if response.status_code != httpx.codes.OK:
            raise _NotReadable
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise _NotReadable
            if time.monotonic() > ends:
                raise httpx.ReadTimeout("the document comes too slowly")
    return content.decode(errors="replace")
