"""The longest that a call may take, also one whose request never arrives."""

import asyncio
from typing import Any

Task = asyncio.Task[Any]


class CallTimeout:
    """Cancels the tasks of calls that take too long. seconds: 0 lets them take any time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._due: dict[Task, float] = {}
        """When the task of a call has to be done, the oldest first."""

    def begin(self, now: float) -> Any:
        """Notes the call that this task serves, at a moment of any steady clock in seconds."""
        task: Any = asyncio.current_task()
        if self._seconds:
            self._due[task] = now + self._seconds
        return task

    def end(self, task: Task) -> None:
        """Forgets a call that is done."""
        self._due.pop(task, None)

    def passed(self, task: Task) -> bool:
        """Whether the call was cancelled by `sweep`, and not by its caller."""
        return bool(self._seconds) and task not in self._due

    def sweep(self, now: float) -> None:
        """Cancels what is not done in time."""
        late = []
        for task, due in self._due.items():
            if due > now:
                break
            late.append(task)
        for task in late:
            del self._due[task]
            task.cancel()
