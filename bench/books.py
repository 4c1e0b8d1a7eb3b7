"""The book and the requests of the benchmarks: 1,000 campaigns over weather, city and segment, and 50,000 customers."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import request
from engine.decide.compiled import CompiledBook, compile_book
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import render

CAMPAIGNS, CITIES, SEGMENTS, OFFERS, CUSTOMERS = 1_000, 50, 7, 40, 50_000
LONGEST_ID = 127
"""Bytes of a request_id; the length before a longer one takes more than a byte."""
_SCATTER = 0x9E37_79B9_7F4A_7C15
"""An odd number: its multiples visit all 64-bit numbers in an order without pattern."""


def book(campaigns: int = CAMPAIGNS) -> dict[str, Any]:
    """A book as a marketer would write it: caps, consent, addresses, shares, names in the content."""
    random = Random(42)
    return {
        "book": {"name": "bench", "timezone": "Asia/Shanghai", "salt": "bench"},
        "attributes": {
            "profile.segment": {"type": "text", "one_of": [f"segment{n}" for n in range(SEGMENTS)]},
            "profile.first_name": {"type": "text"},
            "profile.email": {"type": "text"},
            "profile.phone": {"type": "text"},
            "profile.age": {"type": "integer", "min": 0, "max": 130},
            "profile.member": {"type": "boolean"},
            "profile.score": {"type": "number", "min": 0, "max": 1},
            "profile.interests": {"type": "list of text"},
        },
        "channels": {
            "email": {
                "kind": "outbound",
                "address": "profile.email",
                "consent": "email",
                "on_silence": "release",
            },
            "sms": {
                "kind": "outbound",
                "address": "profile.phone",
                "consent": "sms",
                "hold": "24h",
                "on_silence": "release",
            },
        },
        "offers": {
            f"offer{n}": {"name": f"Offer {n}", "value": 1 + n % 7, "tags": [f"tag{n % 5}"]}
            for n in range(OFFERS)
        },
        "campaigns": {f"campaign{n:04}": _campaign(n, random) for n in range(campaigns)},
        "pressure": {
            "caps": {
                "weekly": {"limit": 3, "per": "rolling 7d", "count": {"kind": "outbound"}},
                "sms-rarely": {"limit": 1, "per": "rolling 7d", "count": {"channel": "sms"}},
            }
        },
    }


def _campaign(number: int, random: Random) -> dict[str, Any]:
    return {
        "offer": f"offer{random.randrange(OFFERS)}",
        "when": {
            "location.city": f"city{random.randrange(CITIES)}",
            "weather.temperature_c": {"gte": random.randint(-5, 35)},
            "profile.segment": f"segment{random.randrange(SEGMENTS)}",
        },
        "channels": random.choice([["email", "sms"], ["sms", "email"]]),
        "propensity": {"attribute": "profile.score", "default": 0.1},
        "variants": {
            name: {
                "share": 1,
                "content": {
                    "default": {
                        "title": f"{{profile.first_name|friend}}, {word} news of campaign {number}",
                        "text": "It is {weather.temperature_c|mild} degrees today in {location.city|your city}.",
                    }
                },
            }
            for name, word in (("a", "good"), ("b", "fresh"))
        },
    }


def write_book(folder: Path, campaigns: int = CAMPAIGNS) -> Path:
    """Writes the book; returns its folder."""
    return write(book(campaigns), folder)


def write(book: dict[str, Any], folder: Path) -> Path:
    """Writes a book as a file of YAML (JSON is YAML, and quick to write); returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "book.yaml").write_text(json.dumps(book, indent=1), encoding="utf-8")
    return folder


def compiled_book(campaigns: int = CAMPAIGNS) -> CompiledBook:
    """The book compiled, read from files as the server does."""
    return compiled(book(campaigns))


def compiled(book: dict[str, Any]) -> CompiledBook:
    """A book compiled, read from files as the server does."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load(write(book, Path(folder)))
    if loaded.book is None:
        raise ValueError(render(loaded.diagnostics))
    return compile_book(loaded.book)


def customer(number: int) -> str:
    """A customer's id; the ledger's fill writes the same form."""
    return f"customer-{number:08}"


def messages(count: int, *, first: int = 0) -> Iterator[DecideRequest]:
    """A request of each customer, without a request_id; the same for the same number whatever the order."""
    for number in range(first, first + count):
        yield _message(number)


def _message(number: int) -> DecideRequest:
    random = Random(number)
    return request(
        customer(number),
        profile={
            "segment": f"segment{random.randrange(SEGMENTS)}",
            "first_name": f"Name{number % 1000}",
            "email": f"{number}@example.org",
            "phone": f"138{number:08}",
            "age": random.randint(18, 90),
            "member": random.random() < 0.4,
            "score": round(random.random(), 3),
            "interests": [f"topic{random.randrange(30)}" for _ in range(3)],
        },
        consents=["email", "sms"] if random.random() < 0.8 else ["email"],
        language="zh-CN",
        time_zone="Asia/Shanghai",
        location={"country": "CN", "city": f"city{random.randrange(CITIES)}"},
        weather={
            "temperature_c": float(random.randint(-10, 40)),
            "humidity_pct": float(random.randint(10, 95)),
            "condition": random.choice(["clear", "clouds", "rain"]),
        },
    )


def bodies(count: int = CUSTOMERS) -> list[bytes]:
    """Serialised requests in shuffled order, to which `with_id` adds what differs from call to call."""
    serialised = [message.SerializeToString() for message in messages(count)]
    Random(43).shuffle(serialised)
    return serialised


def request_id(number: int) -> str:
    """An id that no other number has, in no order, as random ids are."""
    return f"{number * _SCATTER % 2**64:016x}-{number:012x}"


def with_id(body: bytes, name: str) -> bytes:
    """The serialised request with this request_id: fields of a message may follow in any order."""
    data = name.encode()
    if len(data) > LONGEST_ID:
        raise ValueError(f"a request_id here has at most {LONGEST_ID} bytes")
    return b"%b\x0a%c%b" % (body, len(data), data)


def batch(requests: list[bytes]) -> bytes:
    """A serialised DecideBatchRequest of serialised requests."""
    return b"".join(b"\x0a" + _varint(len(body)) + body for body in requests)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
