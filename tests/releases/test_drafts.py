"""Drafts by real servers, on both stores: saved, listed, deleted, and two who edit one."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import AccessDenied, InvalidRequest, NotFound, OutOfDate
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.releases import ReleaseActor
from engine.releases.drafts import MOST_DRAFTS, SaveDraftCommand
from engine.releases.errors import NotReleasable
from tests.logs import Log, sqlite_log
from tests.releases.books import BOOK, edition, files, messages, publishing
from tests.releases.test_service import Clients, callers_of, releasing


def saving(name: str = "spring", expected: str = "", book: str = BOOK, base: str = "") -> pb.SaveDraftRequest:
    """A request to save the book as a draft."""
    return pb.SaveDraftRequest(name=name, expected=expected, files=messages(files(book)), base=base)


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Clients of a server on SQLite, for all tests of this module."""
    folder = tmp_path_factory.mktemp("drafts")
    with releasing(folder, sqlite_log(folder)) as running, callers_of(running) as by_name:
        yield by_name


@pytest.fixture
def fresh(tmp_path: Path, any_log: Log) -> Iterator[Clients]:
    """Clients of a server of the test's own, on each store in turn."""
    with releasing(tmp_path, any_log) as running, callers_of(running) as by_name:
        yield by_name


def test_a_draft_is_saved_read_published_and_deleted(fresh: Clients) -> None:
    """Whole, by the revision that it was made from; the deletion has a row in the audit."""
    writer, reader = fresh["writer"], fresh["reader"]
    base = writer.publish(publishing()).release.version
    first = writer.save_draft(saving(base=base[:8]))
    assert (first.author, first.base, list(first.files)) == ("writer", base, [])
    second = writer.save_draft(saving(expected=first.revision, book=edition(1), base=base))
    assert second.revision != first.revision
    kept = reader.get_draft(pb.GetDraftRequest(name="spring"))
    assert {file.name: file.content for file in kept.files} == files(edition(1))
    assert kept.size == sum(map(len, files(edition(1)).values()))
    assert [draft.name for draft in reader.list_drafts(pb.ListDraftsRequest()).drafts] == ["spring"]
    published = writer.publish(pb.PublishRequest(files=kept.files, note="from a draft"))
    assert published.is_new
    deletion = pb.DeleteDraftRequest(name="spring", expected=second.revision)
    assert writer.delete_draft(deletion).deleted
    assert not writer.delete_draft(deletion).deleted
    audit = reader.list(pb.ListRequest(audit=True)).audit
    assert [(entry.version, entry.result) for entry in audit if entry.action == "delete"] == [
        ("spring", "done"),
        ("spring", "done"),
    ]
    with pytest.raises(NotFound, match="there is no draft 'spring'"):
        reader.get_draft(pb.GetDraftRequest(name="spring"))


def test_of_two_who_save_one_revision_one_is_told(fresh: Clients) -> None:
    """ABORTED names the other; what the first kept stays, and the second may save on top of it."""
    writers = [fresh["writer"], fresh["operator"]]
    first = writers[0].save_draft(saving())

    def save(number: int) -> str:
        try:
            request = saving(expected=first.revision, book=edition(number + 1))
            return writers[number].save_draft(request).author
        except OutOfDate as error:
            return str(error)

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(save, range(2)))
    (winner,) = [outcome for outcome in outcomes if outcome in ("writer", "operator")]
    (late,) = [outcome for outcome in outcomes if outcome != winner]
    assert f"{winner} saved the draft 'spring'" in late
    kept = fresh["reader"].get_draft(pb.GetDraftRequest(name="spring"))
    assert kept.author == winner
    merged = saving(expected=kept.revision, book=edition(3))
    assert writers[0].save_draft(merged).author == "writer"


@pytest.mark.parametrize("gone", [True, False], ids=["deleted", "deleted and begun again"])
def test_who_saves_a_draft_that_was_deleted_is_told(clients: Clients, gone: bool) -> None:
    """Also where another began one of the same name: it is not the one that they edit."""
    writer, name = clients["writer"], f"gone-{gone}"
    first = writer.save_draft(saving(name))
    writer.delete_draft(pb.DeleteDraftRequest(name=name, expected=first.revision))
    if not gone:
        clients["operator"].save_draft(saving(name))
    with pytest.raises(OutOfDate, match="was deleted" if gone else "operator saved"):
        writer.save_draft(saving(name, expected=first.revision))


def test_what_was_saved_since_is_not_deleted(clients: Clients) -> None:
    """ABORTED, and the draft stays."""
    first = clients["writer"].save_draft(saving("kept"))
    second = clients["operator"].save_draft(saving("kept", expected=first.revision, book=edition(1)))
    with pytest.raises(OutOfDate, match="operator saved"):
        clients["writer"].delete_draft(pb.DeleteDraftRequest(name="kept", expected=first.revision))
    assert clients["reader"].get_draft(pb.GetDraftRequest(name="kept")).revision == second.revision


def test_a_draft_may_be_wrong(clients: Clients) -> None:
    """It is checked when it is published, not before."""
    draft = clients["writer"].save_draft(saving("wrong", book="campaigns: ["))
    assert draft.revision


@pytest.mark.parametrize("name", ["", "../etc", "a/b", ".hidden", "x" * 61, "a b", "é", "a\n", "-a", "a\0"])
def test_names_that_are_no_drafts_are_refused(clients: Clients, name: str) -> None:
    """By every call, before the log is asked."""
    calls: list[Callable[[], object]] = [
        lambda: clients["writer"].save_draft(saving(name)),
        lambda: clients["writer"].get_draft(pb.GetDraftRequest(name=name)),
        lambda: clients["writer"].delete_draft(pb.DeleteDraftRequest(name=name)),
    ]
    for call in calls:
        with pytest.raises(InvalidRequest, match="name"):
            call()


@pytest.mark.parametrize(
    "file",
    [
        "../book.yaml",
        "/etc/passwd.yaml",
        "a//b.yaml",
        ".git/config",
        "a\\b.yaml",
        "book.exe",
        "é" * 126 + ".yaml",
    ],
)
def test_files_outside_the_book_are_refused(clients: Clients, file: str) -> None:
    """As by a publication; also those that no disk takes."""
    request = pb.SaveDraftRequest(name="spring", files=[pb.BookFile(name=file, content=b"")])
    with pytest.raises(InvalidRequest, match="files"):
        clients["writer"].save_draft(request)


def test_a_base_that_nobody_published_is_refused(clients: Clients) -> None:
    """And one that is no version."""
    with pytest.raises(NotFound, match="no version 'abcdef'"):
        clients["writer"].save_draft(saving("based", base="abcdef"))
    with pytest.raises(InvalidRequest, match="base"):
        clients["writer"].save_draft(saving("based", base="../../x"))


def test_drafts_are_for_those_who_write(clients: Clients) -> None:
    """Who reads releases reads drafts too; others see nothing."""
    for name in ("reader", "approver", "shop"):
        with pytest.raises(AccessDenied):
            clients[name].save_draft(saving("theirs"))
        with pytest.raises(AccessDenied):
            clients[name].delete_draft(pb.DeleteDraftRequest(name="theirs"))
    listed = clients["approver"].list_drafts(pb.ListDraftsRequest()).drafts
    assert "theirs" not in [draft.name for draft in listed]
    with pytest.raises(AccessDenied):
        clients["shop"].list_drafts(pb.ListDraftsRequest())


def test_the_number_of_drafts_is_bounded(tmp_path: Path) -> None:
    """One more is refused; those that are there may be saved again."""
    log = sqlite_log(tmp_path)
    store = open_store(log.url)
    actor = ReleaseActor("ann", "log", 1)
    commands = [
        SaveDraftCommand(actor, f"d{number}", "", "", {"a.yaml": b""}) for number in range(MOST_DRAFTS + 1)
    ]
    results = commit_group(store, commands)
    store.close()
    assert isinstance(results[-1], NotReleasable)
    assert not any(isinstance(result, NotReleasable) for result in results[:-1])
