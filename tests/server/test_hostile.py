"""Whatever is sent, the server answers with a decision or names what is wrong, and lives."""

from collections import Counter
from pathlib import Path
from random import Random

from google.rpc.code_pb2 import ALREADY_EXISTS, INVALID_ARGUMENT

from engine.api.v1.decisions_pb2 import DecideResponse
from engine.client import Client
from tests.books import write_book
from tests.server.hostile import hostile_request
from tests.server.test_derived import SHOP
from tests.servers import serving


def test_hostile_requests_are_decided_or_refused_by_name(tmp_path: Path) -> None:
    """Three thousand requests by chance in batches: each decided, or refused for what it holds; none is a fault."""
    rng = Random(31)
    answers: Counter[object] = Counter()
    with serving(write_book(tmp_path / "book", SHOP), tmp_path / "tact.db") as server:
        with Client(server.target, timeout=30) as client:
            for start in range(0, 3000, 20):
                batch = [hostile_request(rng, start + place) for place in range(20)]
                for one in client.decide_batch(batch):
                    answers[True if isinstance(one, DecideResponse) else one.code] += 1
            assert client.health()
        assert server.stop() == 0
    assert set(answers) <= {True, INVALID_ARGUMENT, ALREADY_EXISTS}, answers
    assert answers[True] > 300
    assert answers[INVALID_ARGUMENT] > 300
