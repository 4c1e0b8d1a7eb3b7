"""Comparisons that are worked out beside the console's pages: one at a time for each user, and each comes to an end."""

from functools import partial

import pytest

from engine.console import workbench
from engine.console.page import Refusal
from engine.console.replays import Replay, Replays
from engine.console.workbench import Workbench
from tests.waiting import until


def _has_ended(replay: Replay) -> bool:
    return not replay.is_running


def test_a_fault_ends_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its child says what is no answer, it is told as a fault, and the user may begin another one."""
    monkeypatch.setattr(workbench, "_CHILD", "print('50 % [=====     ]', flush=True)")
    work = Workbench()
    replays = Replays(work)
    for _ in range(2):
        replay = replays.begin("ann", "spring", {})
        until(partial(_has_ended, replay))
        assert "fault" in replay.error
        assert replays.of(replay.id, "ann") is replay
    with pytest.raises(Refusal, match="no such comparison"):
        replays.of(replay.id, "bob")
    work.close()
