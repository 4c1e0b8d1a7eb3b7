"""Watches the folder of a book, however its files are changed: in place, by renaming, or behind a link."""

from asyncio import sleep
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

from watchfiles import awatch

from engine.rulebook.text.files import belongs

_QUIET_MS = 200
"""Milliseconds without a change that end a group of changes: one group for a folder that is copied over another."""


_CHECK_MS = 2_000
"""Milliseconds between checks of the folder itself, which may have been replaced or removed."""


async def follow(folder: Path, changed: Callable[[], None]) -> None:
    """Calls `changed` after changes of the book in the folder, until cancelled.

    The folder may be removed and come back, or be a link that is pointed to another folder.
    """
    while True:
        seen = _identity(folder)
        if seen is None:
            await sleep(_CHECK_MS / 1000)
        else:
            await _until_replaced(folder, seen, changed)


async def _until_replaced(folder: Path, seen: "_Identity", changed: Callable[[], None]) -> None:
    root = seen[0]
    first = True  # changes before the watch began are not reported, so the first round counts as one
    watch = awatch(root, watch_filter=None, step=_QUIET_MS, rust_timeout=_CHECK_MS, yield_on_timeout=True)
    async with aclosing(watch):
        try:
            async for changes in watch:
                replaced = _identity(folder) != seen
                if first or replaced or any(concerns(root, path) for _, path in changes):
                    changed()
                if replaced:
                    return
                first = False
        except FileNotFoundError:
            return


def concerns(root: Path, path: str) -> bool:
    """Whether a change of the path may change the book below `root`.

    Kubernetes replaces what it has mounted by names that begin with two dots. A folder counts, since a moved one is reported
    by its own name only.
    """
    if not Path(path).is_relative_to(root):
        return False
    name = Path(path).relative_to(root).as_posix()
    if name.startswith(".."):
        return True
    return name != "." and (belongs(name) or (not Path(name).suffix and belongs(f"{name}/any.yaml")))


_Identity: TypeAlias = tuple[Path, int, int]


def _identity(folder: Path) -> _Identity | None:
    """The folder that the path leads to now: its real path, device and inode; None where there is none."""
    try:
        root = folder.resolve(strict=True)
        status = root.stat()
    except OSError:
        return None
    return root, status.st_dev, status.st_ino
