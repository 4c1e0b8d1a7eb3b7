"""Following a folder: whoever changes the book is heard, however the change comes."""

from asyncio import sleep
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from watchfiles import awatch

from engine.rulebook.text.files import belongs

_STEP = 200
"""Milliseconds without a change after which changes are taken together: one for a folder that is copied over another."""


_LOOK = 2_000
"""Milliseconds after which the folder itself is looked at, which may be another by now, or gone."""


async def follow(folder: Path, changed: Callable[[], None]) -> None:
    """Calls `changed` after changes of the book in the folder, for ever.

    The folder may go and come back, or be a link that comes to mean another folder.
    """
    while True:
        seen = _identity(folder)
        if seen is None:
            await sleep(_LOOK / 1000)
        else:
            await _until_replaced(folder, seen, changed)


async def _until_replaced(folder: Path, seen: "_Identity", changed: Callable[[], None]) -> None:
    root = seen[0]
    unheard = True  # what was changed before the watch began
    watch = awatch(root, watch_filter=None, step=_STEP, rust_timeout=_LOOK, yield_on_timeout=True)
    async with aclosing(watch):
        try:
            async for changes in watch:
                replaced = _identity(folder) != seen
                if unheard or replaced or any(concerns(root, path) for _, path in changes):
                    changed()
                if replaced:
                    return
                unheard = False
        except FileNotFoundError:
            return


def concerns(root: Path, path: str) -> bool:
    """Whether a change of the path may change the book below `root`.

    Names that begin with two dots are how Kubernetes replaces what it has mounted. A folder counts, since one that is
    moved is told by its own name only.
    """
    if not Path(path).is_relative_to(root):
        return False
    name = Path(path).relative_to(root).as_posix()
    if name.startswith(".."):
        return True
    return name != "." and (belongs(name) or (not Path(name).suffix and belongs(f"{name}/any.yaml")))


_Identity = tuple[Path, int, int]


def _identity(folder: Path) -> _Identity | None:
    """What the folder is now; None where it is not there."""
    try:
        root = folder.resolve(strict=True)
        status = root.stat()
    except OSError:
        return None
    return root, status.st_dev, status.st_ino
