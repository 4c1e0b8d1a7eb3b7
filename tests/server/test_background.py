"""Tasks beside the calls: one that ends is reported, started again, and keeps the server from being ready."""

import asyncio

import pytest
from structlog.testing import capture_logs

from engine.server import background
from engine.server.background import BackgroundTasks


@pytest.mark.parametrize(
    "fault", [RecursionError("brackets"), asyncio.CancelledError(), None], ids=["fault", "cancelled", "end"]
)
async def test_a_task_that_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException | None
) -> None:
    """It counts as failing until it has run well for a while."""
    monkeypatch.setattr(background, "_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(background, "_WELL_SECONDS", 0.0)
    tasks, again, starts = BackgroundTasks(), asyncio.Event(), 0

    async def main() -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            assert tasks.failing == ("reading",)
            again.set()
            await asyncio.Event().wait()
        if fault is not None:
            raise fault

    with capture_logs() as logs:
        tasks.start("reading", main)
        assert tasks.failing == ()
        await again.wait()
    assert [(entry["task"], entry["log_level"]) for entry in logs] == [("reading", "error")]
    await asyncio.sleep(0.001)  # lets the timer of 0 s run
    assert tasks.failing == ()
    tasks.cancel()
    await tasks.wait()
    assert starts == 2


async def test_a_task_that_fails_again_does_not_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault right after the start keeps it failing."""
    monkeypatch.setattr(background, "_AGAIN_SECONDS", 0.0)
    tasks, often, starts = BackgroundTasks(), asyncio.Event(), 0

    async def main() -> None:
        nonlocal starts
        starts += 1
        if starts == 5:
            often.set()
        raise OSError

    with capture_logs():
        tasks.start("reading", main)
        await often.wait()
        assert tasks.failing == ("reading",)
        tasks.cancel()
        await tasks.wait()
