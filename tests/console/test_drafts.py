"""Files of drafts that come, go and change their names; drafts as patches; and books that are edited in git only."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.authoring.lenses import Reach, ReachSummary, read_summary, write_summary
from engine.console.language_server import DraftReach, Translator, Unspoken
from engine.console.log import LogReader
from engine.console.workbench import Workbench
from engine.releases import patch_of
from tests.console.books import ConsoleHouse, console_house
from tests.console.conftest import RunningConsole, console_of
from tests.releases.books import BOOK, edition, files, messages
from tests.releases.test_service import write_callers

EVIL = "<img src=x onerror=alert(2)>"

BEFORE = {
    "book.yaml": "book: {name: spring}\n# two\n",
    "gone.yaml": "a: 1\nb: 2",
    "empty gone.yaml": "",
    "same.yaml": "same",
    "no end.yaml": "a: 1\nb: 2",
    'a "quoted" name.yaml': "x: 1\n",
    "windows.yaml": "a: 1\r\nb: 2\r\nc: 3\r\n",
}
AFTER = {
    "book.yaml": "book: {name: summer}\n# two\n",
    "same.yaml": "same",
    "no end.yaml": "a: 1\nb: 3\n",
    'a "quoted" name.yaml': "x: 2",
    "windows.yaml": "a: 1\r\nb: 5\r\nc: 3\r\n",
    "new/größe.yaml": "--- not a header\n+++ nor this\nlines: \x0b\u2028 of one\n",
    "new/empty.yaml": "",
}


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), (AFTER, BEFORE), ({}, AFTER), (AFTER, {})])
def test_git_applies_a_patch(tmp_path: Path, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """It leaves exactly the new files, whatever their names, line ends and last lines, and however many come or go."""
    folder = tmp_path / "book"
    folder.mkdir()
    for name, text in before.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(text.encode())
    applied(folder, patch_of(before, after).encode())
    assert contents_of(folder) == after


def applied(folder: Path, patch: bytes) -> None:
    """Has git apply it in the folder."""
    git = shutil.which("git")
    assert git is not None
    subprocess.run([git, "init", "-q"], cwd=folder, check=True)
    done = subprocess.run([git, "apply", "-"], cwd=folder, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def contents_of(folder: Path) -> dict[str, str]:
    """The files of a folder, but for those of git."""
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in paths}


def test_what_is_the_same_has_no_patch() -> None:
    """Nothing, where nothing changes."""
    assert patch_of(BEFORE, BEFORE) == ""


# ---------------------------------------------------------------- the language server's folder


def told(translator: Translator, method: str, **params: object) -> None:
    """Has the translator take a message of the browser."""
    translator.to_server(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))


def test_a_deleted_file_leaves_the_language_server(tmp_path: Path) -> None:
    """And no other one does."""
    translator = Translator(tmp_path)
    for name in ("book.yaml", "more/offers.yaml"):
        told(translator, "textDocument/didOpen", textDocument={"uri": f"draft:///{name}", "text": "a: 1"})
    changes = [{"uri": "draft:///more/offers.yaml", "type": 3}, {"uri": "draft:///book.yaml", "type": 2}]
    told(translator, "workspace/didChangeWatchedFiles", changes=changes)
    told(translator, "workspace/didChangeWatchedFiles", changes=changes)
    assert contents_of(tmp_path) == {"book.yaml": "a: 1"}


def test_a_deleted_file_gives_back_its_share(tmp_path: Path) -> None:
    """All that its openings took and no more, so that names may change for hours; what is kept stays bounded."""
    translator, text = Translator(tmp_path), "a" * (20 << 20)

    def opened(name: str) -> None:
        told(translator, "textDocument/didOpen", textDocument={"uri": f"draft:///{name}", "text": text})

    for number in range(5):
        opened(f"{number}.yaml")
        opened(f"{number}.yaml")
        changes = [{"uri": f"draft:///{number}.yaml", "type": 3}] * 2
        told(translator, "workspace/didChangeWatchedFiles", changes=changes)
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        opened(name)
    told(translator, "workspace/didChangeWatchedFiles", changes=[{"uri": "draft:///none.yaml", "type": 3}])
    with pytest.raises(Unspoken, match="64 MiB"):
        opened("d.yaml")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd", "draft:///../victim.yaml", "draft:///%2e%2e/victim.yaml", "draft:////etc/a.yaml", 7,
        "draft:///a%00.yaml", "draft:///.git/a.yaml", "draft:///a%5c..%5cvictim.yaml", ["draft:///a.yaml"], None,
        "draft:///a%0a.yaml",
    ],
)  # fmt: skip
def test_nothing_outside_the_folder_is_deleted(tmp_path: Path, uri: object) -> None:
    """Whatever the browser calls it."""
    folder, victim = tmp_path / "draft", tmp_path / "victim.yaml"
    folder.mkdir()
    victim.write_text("a: 1")
    with pytest.raises(Unspoken):
        told(Translator(folder), "workspace/didChangeWatchedFiles", changes=[{"uri": uri, "type": 3}])
    assert victim.read_text() == "a: 1"


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """Even where one came into the folder."""
    folder, victim = tmp_path / "draft", tmp_path / "victim.yaml"
    folder.mkdir()
    victim.write_text("a: 1")
    (folder / "link.yaml").symlink_to(victim)
    changes = [{"uri": "draft:///link.yaml", "type": 3}]
    told(Translator(folder), "workspace/didChangeWatchedFiles", changes=changes)
    assert contents_of(folder) == {}
    assert victim.read_text() == "a: 1"


# ---------------------------------------------------------------- pages


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="module")
def git_only(house: ConsoleHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """A console beside it that changes no drafts."""
    callers = str(write_callers(tmp_path_factory.mktemp("git") / "callers.toml"))
    target = house.server.target
    options = ("--server", target, "--callers", callers)
    with console_of(house.log.url, *options, TACT_CONSOLE_EDIT="git-only") as running:
        yield running


def kept(house: ConsoleHouse, name: str, contents: Mapping[str, bytes]) -> None:
    """A draft of the live version."""
    with house.caller("writer") as writer:
        writer.save_draft(pb.SaveDraftRequest(name=name, base=house.version, files=messages(contents)))


def test_a_draft_is_had_as_a_patch(house: ConsoleHouse, tmp_path: Path) -> None:
    """Of what is saved against the version that it was begun from; git makes the draft's files of it."""
    book = edition(3).replace("name: Oil", f'name: "{EVIL}"')
    changed = {"main.yaml": book.encode(), "tests/ann.yaml": files()["tests/ann.yaml"]}
    kept(house, "patched", changed)
    reader = house.console.logged_in("reader")
    answer = reader.get("/drafts/patched/patch")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/x-patch; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="patched.patch"'
    for name, content in files(BOOK).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    applied(tmp_path, answer.content)
    assert contents_of(tmp_path) == {name: content.decode() for name, content in changed.items()}
    assert 'href="/drafts/patched/patch"' in reader.get("/drafts/patched").text


@pytest.mark.parametrize(
    "name", ["none", quote("../books", safe=""), "..%2f..%2fetc", "a%00", "%0d%0aset-cookie:x"]
)
def test_other_names_have_no_patch(house: ConsoleHouse, name: str) -> None:
    """404, and nothing of the name in a header."""
    answer = house.console.logged_in("reader").get(f"/drafts/{name}/patch")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_a_patch_needs_a_role(house: ConsoleHouse) -> None:
    """Who may not read books gets 403, and who is not logged in the login."""
    assert house.console.logged_in("shop").get("/drafts/any/patch").status_code == 403
    assert house.console.browser().get("/drafts/any/patch").headers["location"] == "/login"


def test_with_git_only_drafts_are_shown_and_not_changed(
    house: ConsoleHouse, git_only: RunningConsole
) -> None:
    """Pages say where books are edited and offer no change; a forged one is refused, and the draft stays as it was."""
    kept(house, "shown", files(edition(4)))
    browser = git_only.logged_in("writer")
    page = browser.get("/books").text
    assert "Books are edited in git here" in page
    assert "no commit was named" in page
    assert "Name of the draft" not in page
    page = browser.get("/drafts/shown").text
    assert 'data-readonly="true"' in page
    assert "Books are edited in git here" in page
    assert "Submit for review" not in page
    revision = shown_revision(page)
    forged = {
        "expected": revision,
        "base": house.version,
        "files": json.dumps({"book.yaml": BOOK}),
        "name": "new",
    }
    for path in ("/drafts", "/drafts/shown/save", "/drafts/shown/submit"):
        refused = git_only.post(browser, path, forged)
        assert refused.status_code == 403, path
        assert "Books are edited in git here" in refused.text
    assert shown_revision(browser.get("/drafts/shown").text) == revision
    assert browser.get("/drafts/new").status_code == 404
    assert browser.get("/drafts/shown/patch").status_code == 200
    assert git_only.post(browser, "/drafts/shown/delete", {"expected": revision}).status_code == 303


def shown_revision(page: str) -> str:
    """Of the draft that a page shows."""
    revision = re.search('data-revision="([^"]+)"', page)
    assert revision is not None
    return revision[1]


def test_the_commit_of_a_book_is_named(house: ConsoleHouse, git_only: RunningConsole) -> None:
    """Where it was said when the newest version was published."""
    with house.caller("writer") as writer:
        source = pb.ReleaseSource(commit="0123abcd")
        writer.publish(pb.PublishRequest(files=messages(files(edition(9))), source=source))
    page: httpx.Response = git_only.logged_in("reader").get("/books")
    assert "the newest version is of the commit <code>0123abcd</code>" in page.text


def test_other_ways_of_editing_are_refused(house: ConsoleHouse) -> None:
    """With the values that there are, before anything listens."""
    with pytest.raises(AssertionError, match="git-only"), console_of(house.log.url, TACT_CONSOLE_EDIT="vi"):
        pass


# ---------------------------------------------------------------- two editors of one draft


def sent(
    house: ConsoleHouse, browser: httpx.Client, name: str, expected: str, contents: Mapping[str, str]
) -> httpx.Response:
    """Saves all files of a draft, as its editor does it."""
    fields = {"expected": expected, "base": house.version, "files": json.dumps(contents)}
    return house.console.post(browser, f"/drafts/{name}/save", fields)


def shown_files(browser: httpx.Client, name: str) -> dict[str, str]:
    """The files that the editor is given."""
    page = browser.get(f"/drafts/{name}").text
    shown = re.search('<script type="application/json" id="editor-files">(.*?)</script>', page, re.DOTALL)
    assert shown is not None
    contents: dict[str, str] = json.loads(shown[1])
    return contents


@pytest.mark.parametrize("deletes_first", [True, False])
def test_a_file_that_one_deletes_and_another_changes(house: ConsoleHouse, deletes_first: bool) -> None:
    """Who saves second is refused and gets all that the first saved, whoever deleted; merged, it is saved once."""
    name = f"deleted-first-{deletes_first}"
    before = {"book.yaml": BOOK, "more.yaml": "# more\n", "other.yaml": "# other\n"}
    kept(house, name, {file: text.encode() for file, text in before.items()})
    first, second = house.console.logged_in("writer"), house.console.logged_in("operator")
    revision = shown_revision(first.get(f"/drafts/{name}").text)
    deleted = {file: text for file, text in before.items() if file != "more.yaml"}
    changed = {**before, "more.yaml": "# more, and hours of work\n"}
    earlier, later = (deleted, changed) if deletes_first else (changed, deleted)
    saved = sent(house, first, name, revision, earlier)
    assert saved.status_code == 200
    refused = sent(house, second, name, revision, later)
    assert refused.status_code == 409
    assert "writer saved the draft" in refused.json()["message"]
    assert refused.json()["draft"] == {
        "revision": saved.json()["revision"],
        "author": "writer",
        "files": earlier,
    }
    assert shown_files(second, name) == earlier
    merged = {**deleted, "more.yaml": changed["more.yaml"]}
    assert sent(house, second, name, refused.json()["draft"]["revision"], merged).status_code == 200
    assert shown_files(first, name) == changed
    late = sent(house, first, name, saved.json()["revision"], deleted)
    assert late.status_code == 409
    assert late.json()["draft"]["files"] == changed


def test_a_draft_is_not_begun_over_another(house: ConsoleHouse) -> None:
    """The page says that there is one, and what was typed into it stays."""
    kept(house, "taken", {"book.yaml": b"# hours of work"})
    browser = house.console.logged_in("operator")
    refused = house.console.post(browser, "/drafts", {"name": "taken", "base": house.version})
    assert refused.status_code == 409
    assert "There is a draft of this name already" in refused.text
    assert shown_files(browser, "taken") == {"book.yaml": "# hours of work"}


@pytest.mark.parametrize("contents", [{}, {"book.yaml": BOOK}])
def test_a_deleted_draft_is_not_saved_over(house: ConsoleHouse, contents: Mapping[str, str]) -> None:
    """Who still has it open is told that it is gone and gets nothing to merge with; no draft comes back."""
    name = f"gone-{len(contents)}"
    kept(house, name, files())
    first, second = house.console.logged_in("writer"), house.console.logged_in("operator")
    revision = shown_revision(first.get(f"/drafts/{name}").text)
    assert house.console.post(second, f"/drafts/{name}/delete", {"expected": revision}).status_code == 303
    refused = sent(house, first, name, revision, contents)
    assert refused.status_code == (409 if contents else 400)
    assert "draft" not in refused.json() or refused.json()["draft"] is None
    assert first.get(f"/drafts/{name}").status_code == 404


# ---------------------------------------------------------------- what stands above campaigns


def test_reach_is_counted_of_a_draft_as_it_is_saved(house: ConsoleHouse, tmp_path: Path) -> None:
    """By the log's last week and the draft's scenarios; books that cannot be read have no campaigns; no draft, no reach."""
    reader, workbench = LogReader(house.log.url), Workbench()
    reach = DraftReach(workbench)
    kept(house, "reach", files())
    kept(house, "broken", {"book.yaml": b"campaigns: {a: [", "tests/a.yaml": b"tests: &a [*a"})
    try:
        text = reach.text(reader, "reach")
        assert text is not None
        assert reach.text(reader, "nothing") is None
        broken = reach.text(reader, "broken")
        assert broken is not None
    finally:
        workbench.close()
        reader.close()
    write_summary(tmp_path, text)
    assert read_summary(tmp_path) == ReachSummary(7, 12, {"adults": Reach(9, 1), "minors": Reach(3, 0)})
    write_summary(tmp_path, broken)
    assert read_summary(tmp_path) == ReachSummary(7, 12, {})


# ---------------------------------------------------------------- hostile names of files


@pytest.fixture(scope="module")
def writer(house: ConsoleHouse) -> httpx.Client:
    """The browser of somebody who writes, who logs in once: logins are limited."""
    return house.console.logged_in("writer")


@pytest.mark.parametrize(
    "file",
    [
        "a\nb.yaml", "a\x00b.yaml", "a\x1b[31m.yaml", "a\r\nset-cookie: x.yaml", "a\u202eb.yaml", "a\u2066b.yaml",
        "a\u200bb.yaml", "a\ufeff.yaml", "a\u2028b.yaml", "a\x85b.yaml", "n" * 296 + ".yaml", "n" * 100_000 + ".yaml",
        "../up.yaml", "/etc/a.yaml", "a\\b.yaml", ".git/a.yaml", "", "a.html", "book.yaml/a.yaml", "tests/tests/a.yaml",
    ],
)  # fmt: skip
def test_names_that_deceive_are_refused(house: ConsoleHouse, writer: httpx.Client, file: str) -> None:
    """Control characters, turned directions, invisible ones and long ones; the sentence names no more than 60 of it."""
    refused = sent(house, writer, "deceiving", "", {"book.yaml": BOOK, file: ""})
    assert refused.status_code == 400
    assert len(refused.json()["message"]) < 300
    assert writer.get("/drafts/deceiving").status_code == 404
