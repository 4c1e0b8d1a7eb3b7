"""Durations of the stages of a call: `parse`, `propose` and `settle`."""

from contextvars import ContextVar
from typing import Protocol


class StageObserver(Protocol):
    """Takes durations; the engine and the service have none where nothing is observed."""

    def took(self, stage: str, seconds: float) -> None:
        """Adds the duration of a stage that has ended."""


_CALL_STAGES: ContextVar[dict[str, float] | None] = ContextVar("stages", default=None)


def collect_stages() -> dict[str, float]:
    """Begins to collect the stages of the current call, whose task is its own; fills the result as they end, in seconds."""
    stages: dict[str, float] = {}
    _CALL_STAGES.set(stages)
    return stages


def add_stage(stage: str, seconds: float) -> None:
    """Adds a duration to the current call's stages, if they are collected."""
    stages = _CALL_STAGES.get()
    if stages is not None:
        stages[stage] = stages.get(stage, 0.0) + seconds
