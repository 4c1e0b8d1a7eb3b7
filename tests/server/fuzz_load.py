"""Everything that a server offers, asked for by chance: the hostile calls of a short test and of a long soak."""

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

from google.rpc.code_pb2 import OK
from google.rpc.status_pb2 import Status

from engine.client import Client, TactError
from tests.server.hostile import hostile_names, hostile_record, hostile_request

ROUND = 40
"""Requests and events of a round."""


def siege(client: Client, rng: Random, rounds: int) -> Iterator[Counter[int]]:
    """Rounds of a batch, an explanation, a recording and now and then a link; after each the codes of all so far."""
    codes: Counter[int] = Counter()
    for number in range(0, rounds * ROUND, ROUND):
        batch = [hostile_request(rng, number + offset) for offset in range(ROUND // 2)]
        codes.update(_codes_of(client, batch))
        codes[_code_of(client, rng.choice(batch))] += 1
        events = [hostile_record(rng, number + offset) for offset in range(ROUND // 2 - 1)]
        codes.update(map(_code, client.record(events)))
        if rng.random() < 0.1:
            codes[_linked(client, rng)] += 1
        yield codes


def _code(item: object) -> Any:
    return item.code if isinstance(item, Status) else OK


def _codes_of(client: Client, batch: list[Any]) -> list[Any]:
    """Those of the batch's items, or of the batch where a list in one of them is too long to be read."""
    try:
        return [_code(item) for item in client.decide_batch(batch)]
    except TactError as refused:
        return [refused.status.code]


def _code_of(client: Client, request: Any) -> Any:
    try:
        client.explain(request)
    except TactError as refused:
        return refused.status.code
    return OK


def _linked(client: Client, rng: Random) -> Any:
    try:
        client.link(hostile_names(rng))
    except TactError as refused:
        return refused.status.code
    return OK
