"""Files that may change while the server runs."""

from collections.abc import Callable
from pathlib import Path

import structlog

log = structlog.get_logger()


Signature = tuple[tuple[int, ...], ...]


class WatchedFile:
    """Files that are read together, again whenever one of them changes.

    They are looked at, not watched: that works for files on every file system and behind links that are moved, as secrets are
    mounted, and once a second costs nothing.

    read: reads them all and takes them over; raises OSError or ValueError, and nothing has changed.
    """

    def __init__(self, what: str, paths: list[Path], read: Callable[[], None]) -> None:
        self._what = what
        self._paths = paths
        self._read = read
        self._seen = self._signature()
        read()

    def look(self) -> None:
        """Reads the files again if they have changed; if they are wrong now, what was read before stays."""
        found = self._signature()
        if found == self._seen:
            return
        self._seen = found
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
        found = path.stat()
    except OSError:
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
