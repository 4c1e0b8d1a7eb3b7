"""What the decisions of the last days would have been by a changed book: worked out beside the pages, and watched."""

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from engine.console.page import Refusal
from engine.console.texts import _
from engine.console.workbench import REPLAY_SECONDS, JobFailed, Workbench

log = structlog.get_logger()

_MOST_KEPT = 50
"""Replays whose results are kept; the oldest go first."""


@dataclass(slots=True)
class Replay:
    """A replay, as far as it is. Its thread writes, pages read."""

    id: str
    user: str
    title: str
    """What is compared, for people."""
    kind: str = "replay"
    """Which job of the workbench it is: `replay`, or `evaluation` of what decisions would have brought."""
    done: int = 0
    total: int = 0
    result: Mapping[str, Any] | None = None
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether there is more to come."""
        return self.result is None and not self.error

    def advance(self, said: Mapping[str, int]) -> None:
        """Takes over how far it is."""
        self.done, self.total = said["done"], said["total"]


@dataclass(slots=True)
class Replays:
    """Begins replays, one at a time for each user, and keeps what came out. May be used by many threads."""

    workbench: Workbench
    _kept: OrderedDict[str, Replay] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, user: str, title: str, job: Mapping[str, Any], *, kind: str = "replay") -> Replay:
        """A replay that runs from now on. Raises Refusal where the user has another one under way."""
        replay = Replay(secrets.token_urlsafe(12), user, title, kind)
        with self._lock:
            if any(kept.user == user and kept.is_running for kept in self._kept.values()):
                raise Refusal(409, _("Another comparison of yours is under way; wait until it has ended."))
            while len(self._kept) >= _MOST_KEPT:
                self._kept.popitem(last=False)
            self._kept[replay.id] = replay
        threading.Thread(target=self._run, args=(replay, job), daemon=True).start()
        return replay

    def of(self, replay_id: str, user: str) -> Replay:
        """The replay, which only the user sees who began it. Raises Refusal."""
        replay = self._kept.get(replay_id)
        if replay is None or replay.user != user:
            raise Refusal(404, _("There is no such comparison, or not any more."))
        return replay

    def _run(self, replay: Replay, job: Mapping[str, Any]) -> None:
        try:
            replay.result = self.workbench.run(
                replay.kind, job, seconds=REPLAY_SECONDS, advance=replay.advance
            )
        except JobFailed as error:
            replay.error = str(error)
        except Exception:  # a thread that ended would leave it running for ever
            log.exception("a comparison met a fault")
            replay.error = "the comparison met a fault of the program; the console's messages say more"
