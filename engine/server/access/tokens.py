"""Makes tokens, and adds them to the callers file."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe
from tempfile import NamedTemporaryFile

from engine.server.access.callers import PREFIX, digest_of
from engine.server.access.callers_file import CallersFile
from engine.server.access.limits import Limits
from engine.server.access.roles import Role

_RANDOM_BYTES = 32


_OWNER_ONLY = 0o600


def new_token() -> str:
    """A token: 256 random bits as text for a header."""
    return PREFIX + token_urlsafe(_RANDOM_BYTES)


@dataclass(frozen=True, slots=True)
class Entry:
    """A token's entry in the callers file."""

    name: str
    roles: tuple[Role, ...]
    sha256: str
    not_before: datetime | None = None
    expires: datetime | None = None

    def toml(self) -> str:
        """The entry as TOML, to be appended to the file."""
        roles = ", ".join(f'"{role}"' for role in self.roles)
        lines = ["[[tokens]]", f'name = "{self.name}"', f"roles = [{roles}]", f'sha256 = "{self.sha256}"']
        if self.not_before is not None:
            lines.append(f"not_before = {_moment(self.not_before)}")
        if self.expires is not None:
            lines.append(f"expires = {_moment(self.expires)}")
        return "\n".join(lines) + "\n"


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def entry_of(token: str, name: str, roles: tuple[Role, ...], **when: datetime | None) -> Entry:
    """The token's entry. when: not_before, expires; aware datetimes."""
    return Entry(name, roles, digest_of(token).hex(), **when)


def check(text: str) -> None:
    """Raises WrongCallers unless the text is a valid callers file."""
    CallersFile(Limits()).read(text)


def add(entry: Entry, path: Path) -> None:
    """Appends the entry to the file, which is created if there is none and is whole at any moment for whoever reads it.

    Raises WrongCallers, leaving the file as it was, or OSError.
    """
    path = path.resolve()  # a link is kept, and its target replaced
    before = path.read_text(encoding="utf-8-sig") if path.exists() else ""
    gap = "\n" if before else ""
    after = before + ("" if before.endswith("\n") or not before else "\n") + gap + entry.toml()
    check(after)
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as new:
        new.write(after)
        new.flush()
        os.fsync(new.fileno())
    made = Path(new.name)
    _keep_rights(made, path)
    made.replace(path)


def _keep_rights(made: Path, path: Path) -> None:
    """Gives the new file the owner and mode of the file it replaces; a first file is readable by its owner only."""
    if not path.exists():
        made.chmod(_OWNER_ONLY)
        return
    held, new = path.stat(), made.stat()
    if (held.st_uid, held.st_gid) != (new.st_uid, new.st_gid):
        os.chown(made, held.st_uid, held.st_gid)
    made.chmod(held.st_mode & 0o777)
