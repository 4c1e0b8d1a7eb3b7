"""20 MB of mistakes of each kind in a server's book: it is refused, the old one is served, and memory is bounded."""

from functools import partial

from engine.client import Client
from tests.books import write_book
from tests.requests import li_na
from tests.rulebook.test_bounds import KINDS
from tests.servers import serving
from trial.result import TrialResult, TrialSettings, wait_until
from trial.watch import Watch

_MOST_MB = 1500
"""Bound on the growth of the memory; a book may have a million values."""


def run(settings: TrialSettings) -> TrialResult:
    """Writes files up to their greatest size into the folder, and reloads."""
    result, files = TrialResult(), int(settings.size(20, 1))
    book = write_book(settings.folder / "book")
    with (
        serving(book, settings.folder / "tact.db", "--watch") as server,
        Client(server.target, timeout=60) as client,
        Watch(server).looking() as watch,
    ):
        for kind, text in KINDS.items():
            before = _refused(server.errors)
            for number in range(files):
                copies = 1 if settings.short else (1 << 20) // len(text.encode())
                broken = text * copies if kind != "keys without values" else text
                (book / f"broken-{number}.yaml").write_text(broken)
            result.check(wait_until(partial(_is_refused, server.errors, before)), f"{kind}: not refused")
            result.check(bool(client.decide(li_na(kind)).decision_id), f"{kind}: the old book does not serve")
            for number in range(files):
                (book / f"broken-{number}.yaml").unlink()
            result.expect(wait_until(client.health), "it is not well afterwards")
        result.expect(server.stop() == 0, "it did not stop with 0")
    most = max(size for _, size in watch.memory) - watch.memory[0][1]
    result.expect(most < _MOST_MB, f"memory grew by {most:.0f} MB")
    result.curves = watch.curves()
    result.summary = f"{len(KINDS)} kinds of {files} files; memory grew by {most:.0f} MB at most"
    return result


def _is_refused(lines: list[str], before: int) -> bool:
    return _refused(lines) > before


def _refused(lines: list[str]) -> int:
    return sum("book refused" in line for line in list(lines))
