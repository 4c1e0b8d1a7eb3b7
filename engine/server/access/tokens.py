"""Making tokens, and adding them to the callers file."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe
from tempfile import NamedTemporaryFile

from engine.server.access.callers import PREFIX, digest_of
from engine.server.access.callers_file import CallersFile
from engine.server.access.rate_limit import Limits
from engine.server.access.roles import Role

_RANDOM_BYTES = 32


_OWNER_ONLY = 0o600


def new_token() -> str:
    """A token: 256 random bits that nobody can guess, as text for a header."""
    return PREFIX + token_urlsafe(_RANDOM_BYTES)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the callers file keeps of a token."""

    name: str
    roles: tuple[Role, ...]
    sha256: str
    not_before: datetime | None = None
    expires: datetime | None = None

    def toml(self) -> str:
        """As it stands in the file; to be added at its end."""
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
    """What is kept of the token. when: not_before, expires; aware moments."""
    return Entry(name, roles, digest_of(token).hex(), **when)


def check(text: str) -> None:
    """Raises WrongCallers unless the text is that of a callers file."""
    CallersFile(Limits()).read(text)


def add(entry: Entry, path: Path) -> None:
    """Adds the entry to the file, which stays whole for whoever reads it meanwhile, and made if there is none.

    Raises WrongCallers, with the file as it was, or OSError.
    """
    path = path.resolve()  # a link is kept, and what it leads to replaced
    before = path.read_text(encoding="utf-8") if path.exists() else ""
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
    """Gives what was made the owner and the mode of what it replaces; what replaces nothing is its owner's alone."""
    if not path.exists():
        made.chmod(_OWNER_ONLY)
        return
    held, new = path.stat(), made.stat()
    if (held.st_uid, held.st_gid) != (new.st_uid, new.st_gid):
        os.chown(made, held.st_uid, held.st_gid)
    made.chmod(held.st_mode & 0o777)
