"""What commands share that work on a log: the log, who runs them, the period, and the progress."""

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.ledger.queries.decisions import count_decisions
from engine.ledger.store.open import check_url, is_missing
from engine.ledger.store.store import Store
from engine.model.instant import Instant, from_datetime


def check_log(url: str) -> None:
    """Raises ValueError for a URL of no log, or of one that is not there."""
    check_url(url)
    if is_missing(url):
        raise ValueError(f"there is no log at {url}")


def system_user() -> str:
    """Who runs the command, as the system knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def moment_of(option: str, text: str | None, otherwise: Instant | None = None) -> Instant:
    """The moment that an option names, or otherwise that of the clock; raises ValueError."""
    if text is None:
        return from_datetime(datetime.now(UTC)) if otherwise is None else otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{option} needs a time such as 2026-03-10T10:00+08:00, not {text!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{option} {text} needs a time zone, such as {text}Z")
    return from_datetime(moment)


@contextmanager
def progress(
    store: Store,
    period: tuple[Instant, Instant],
    doing: str,
    count: Callable[[Store, Instant, Instant], int] = count_decisions,
) -> Iterator[Any]:
    """A progress bar over the decisions of the period on standard error, where that is a terminal."""
    console = Console(stderr=True)
    with store.transaction(writes=False):
        total = count(store, *period) if console.is_terminal else None
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
