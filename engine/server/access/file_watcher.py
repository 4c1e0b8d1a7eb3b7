"""Files that are read again when they change while the server runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import structlog

log = structlog.get_logger()


Signature: TypeAlias = tuple[tuple[int, ...], ...]


class WatchedFile:
    """Files that are read together, and again whenever one of them changes.

    They are polled, not watched: that works on every file system and behind links that are replaced, as secrets are mounted,
    and once a second costs nothing.

    what: names the files in messages. read: reads them all; raises OSError or ValueError, and leaves everything as it was.
    """

    def __init__(self, what: str, paths: list[Path], read: Callable[[], None]) -> None:
        self._what = what
        self._paths = paths
        self._read = read
        self._seen = self._signature()
        read()

    def look(self) -> None:
        """Reads the files again if they have changed; if they are not valid now, what was read before stays."""
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._read()
        except (OSError, ValueError) as error:
            log.warning("what was read before stays", what=self._what, error=str(error))
        else:
            log.info("read again", what=self._what)

    def _signature(self) -> Signature:
        return tuple(_signature_of(path) for path in self._paths)


def _signature_of(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
