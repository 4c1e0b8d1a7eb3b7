"""What every log that tests write must be: each decision of it comes out again as it stands there."""

from contextlib import closing
from pathlib import Path

from engine.ledger.store.open import open_store
from engine.measure.replay import Books, Result, replay_log


def assert_replays(url: str, folder: Path | None = None) -> int:
    """Every decision of the log is equal when it is made again; how many there are. folder: as `tact replay --books`."""
    with closing(open_store(url)) as store:
        replayed = list(replay_log(store, Books(store, folder)))
    others = [decision for decision in replayed if decision.result is not Result.EQUAL]
    assert not others, others[:3]
    return len(replayed)
