"""What every log that tests write must be: each decision of it comes out again as it stands there."""

from contextlib import closing
from pathlib import Path

from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.replay import MASKED, ReplayResult, replay_log


def assert_replays(url: str, folder: Path | None = None, *, masked: int = 0) -> int:
    """Every decision of the log is equal when it is made again; how many there are. folder: as `tact replay --books`.

    masked: how many may depend on values that the log does not hold.
    """
    with closing(open_store(url)) as store:
        replayed = list(replay_log(store, Books(store, folder)))
    others = [decision for decision in replayed if decision.result is not ReplayResult.EQUAL]
    hidden = [decision for decision in others if decision.reason == MASKED]
    assert len(others) == len(hidden) <= masked, [decision for decision in others if decision not in hidden][
        :3
    ]
    return len(replayed)
