"""Journeys in a real browser: a marketer changes a rule, others release it; also by the keyboard only."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from tests.browser.conftest import SLOW, in_browser
from tests.browser.hands import editor_ready, open_whole, picture, replace, seen
from tests.browser.test_report import violations
from tests.console.books import DECISIONS, FILE_NAMES, ConsoleHouse, console_house
from tests.releases.books import edition, files, messages

pytestmark = in_browser

Visit = Callable[..., Any]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture
def visit(chromium: Any, house: ConsoleHouse) -> Iterator[Visit]:
    """Logs somebody in; fails the test for any error, violation of the policy, or request to another machine."""
    complaints: list[str] = []
    expected: list[str] = []
    contexts = []

    def visit(token: str, scheme: str = "light", allow: str = "") -> Any:
        expected.append(allow)
        context = chromium.new_context(
            color_scheme=scheme, locale="en-GB", viewport={"width": 1280, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW)
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: _own(request.url, house.console.address, complaints))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{house.console.address}/login")
        page.get_by_label("Token").fill(token)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{house.console.address}/")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [text for text in complaints if not any(allow and allow in text for allow in expected)] == []


def _own(url: str, address: str, complaints: list[str]) -> None:
    if not url.startswith((address, address.replace("http", "ws"), "data:")):
        complaints.append(f"asks for {url}")


def draft_of(house: ConsoleHouse, name: str, book: str) -> None:
    """A draft of the live version that says something else."""
    with house.caller("writer") as writer:
        request = pb.SaveDraftRequest(name=name, base=house.version, files=messages(files(book)))
        writer.save_draft(request)


def analysed(page: Any) -> None:
    """Waits until the server has looked at the book, in which there is something to remark."""
    seen(page, "#editor-problems", "without the customer's consent")


def test_a_marketer_changes_a_rule(house: ConsoleHouse, visit: Visit) -> None:
    """Edit, problem and fix, completion, hover, definition, rename, a green scenario, decisions that would change, submit."""
    page = visit("writer")
    page.get_by_role("link", name="Books").click()
    page.get_by_label("Name of the draft").fill("older-adults")
    page.get_by_role("button", name="Begin").click()
    editor_ready(page)
    analysed(page)
    replace(page, "gte: 18", "gtr: 21")
    seen(page, "#editor-problems", "there is no operator 'gtr'")
    picture(page, "editor-problem")
    page.locator("#editor-problems .problem.error button.fix").first.click()
    page.locator("#editor-problems", has_text="no operator").wait_for(state="detached")
    replace(page, "lt: 18", "lt: 21")
    page.get_by_role("button", name="Save", exact=True).click()
    seen(page, "#editor-message", "Saved.")
    seen(page, "#editor-checked", "1 scenario passed")
    page.get_by_role("button", name="Compare on the log").click()
    seen(page, "#replay-result", f"of {DECISIONS} decisions would change")
    page.get_by_label("Customer, in YAML").fill("customer: bo\nprofile: {age: 19, phone: '1'}")
    page.get_by_role("button", name="Decide").click()
    seen(page, "#tried-outcome", "minors: oil")
    picture(page, "editor")
    page.locator("summary", has_text="As a scenario").click()
    page.get_by_role("button", name="Keep as scenario").click()
    page.get_by_role("button", name="Save", exact=True).click()
    seen(page, "#editor-checked", "2 scenarios passed")
    page.get_by_label("What changes, and why").fill("adults are older")
    page.get_by_role("button", name="Submit for review").click()
    seen(page, "h1", "of spring")
    seen(page, "#words", "the campaign adults changes")
    picture(page, "version")


def test_the_language_server_helps(house: ConsoleHouse, visit: Visit) -> None:
    """Completion, hover, definition and renaming, in the browser."""
    draft_of(house, "help", edition(1))
    page = visit("writer")
    page.goto(f"{house.console.address}/drafts/help")
    editor_ready(page)
    analysed(page)
    replace(page, "offer: cream", "offer: cream")
    page.keyboard.press("F12")
    active = page.locator("#editor .cm-activeLine")
    seen(page, "#editor .cm-activeLine", "name: Cream")
    page.keyboard.press("F2")
    field = page.locator(".cm-lsp-rename-panel input")
    field.fill("balm")
    page.keyboard.press("Enter")
    seen(page, "#editor .cm-line", "{offer: balm")
    seen(page, "#editor .cm-line", "balm: {name: Cream")
    page.locator("#editor .cm-line", has_text="balm: {name").locator("text=value").first.hover()
    page.locator(".cm-tooltip-hover").first.wait_for()
    page.keyboard.press("Control+End")
    page.keyboard.type("\n  third: {offer: ")
    page.keyboard.press("Control+ ")
    page.locator(".cm-tooltip-autocomplete li", has_text="balm").first.wait_for()
    page.keyboard.press("Escape")
    assert active.count() == 1


def test_reach_and_scenarios_stand_above_campaigns(house: ConsoleHouse, visit: Visit) -> None:
    """Of the log's last week; counted again after a saving; said by a key, and to who only reads."""
    draft_of(house, "lenses", edition(1))
    page = visit("writer")
    page.goto(f"{house.console.address}/drafts/lenses")
    page.locator('#editor[data-lenses="2"]').wait_for()
    assert page.locator(".cm-lens").all_inner_texts() == [
        "reach 75 % of 7 days, 1 scenario",
        "reach 25 % of 7 days, 0 scenarios",
    ]
    assert violations(page) == []
    replace(page, "{lt: 18}", "{lt: 18}")
    page.keyboard.press("Control+i")
    seen(page, "#editor-message", "minors: reach 25 % of 7 days, 0 scenarios")
    page.keyboard.press("Control+Home")
    tabbed_to(page, "What is known of this campaign")
    page.keyboard.press("Enter")
    seen(page, "#editor-message", "Nothing is known of a campaign on this line.")
    page.get_by_role("button", name="tests/ann.yaml").click()
    replace(page, "campaign: adults", "campaign: minors")
    page.get_by_role("button", name="book.yaml").first.click()
    page.keyboard.press("Control+s")
    seen(page, ".cm-lens", "reach 25 % of 7 days, 1 scenario")
    reader = visit("reader")
    reader.goto(f"{house.console.address}/drafts/lenses")
    seen(reader, ".cm-lens", "reach 75 % of 7 days, 0 scenarios")


def test_two_editors_merge(house: ConsoleHouse, visit: Visit) -> None:
    """Who saves second sees both texts, takes what they want, and nothing is lost."""
    draft_of(house, "both", edition(1))
    page = visit("writer", allow="409")
    page.goto(f"{house.console.address}/drafts/both")
    editor_ready(page)
    with house.caller("operator") as other:
        kept = other.get_draft(pb.GetDraftRequest(name="both"))
        theirs = edition(1).replace("name: Oil", "name: Fine oil")
        other.save_draft(
            pb.SaveDraftRequest(
                name="both", expected=kept.revision, base=kept.base, files=messages(files(theirs))
            )
        )
    replace(page, "name: Cream", "name: Rich cream")
    page.keyboard.press("Control+s")
    dialog = page.locator("#editor-merge[open]")
    dialog.wait_for()
    assert "operator saved the draft" in dialog.inner_text()
    picture(page, "merge")
    assert violations(page) == []
    dialog.get_by_role("button", name="Take theirs").last.click()
    replace_in_merge(page)
    dialog.get_by_role("button", name="Save the right side").click()
    seen(page, "#editor-message", "Saved.")
    with house.caller("reader") as reader:
        saved = {
            file.name: file.content.decode()
            for file in reader.get_draft(pb.GetDraftRequest(name="both")).files
        }
    assert "name: Fine oil" in saved["book.yaml"]
    assert "name: Rich cream" in saved["book.yaml"]


def saved_by_other(house: ConsoleHouse, name: str, changes: Mapping[str, str | None]) -> None:
    """Somebody else saves the draft with the files changed, added, or where there is no text, deleted."""
    with house.caller("operator") as other:
        kept = other.get_draft(pb.GetDraftRequest(name=name))
        contents = {file.name: file.content for file in kept.files}
        for file, text in changes.items():
            if text is None:
                del contents[file]
            else:
                contents[file] = text.encode()
        request = pb.SaveDraftRequest(
            name=name, expected=kept.revision, base=kept.base, files=messages(contents)
        )
        other.save_draft(request)


def kept_files(house: ConsoleHouse, name: str) -> dict[str, str]:
    """The files of a draft as it is saved."""
    with house.caller("reader") as reader:
        kept = reader.get_draft(pb.GetDraftRequest(name=name)).files
    return {file.name: file.content.decode() for file in kept}


def test_only_what_conflicts_is_shown(house: ConsoleHouse, visit: Visit) -> None:
    """What only one of two changed, added or deleted is taken; a file that one deleted and the other changed stays."""
    before = {"theirs.yaml": "# 1", "gone.yaml": "# 1", "mine.yaml": "# 1", "they-delete.yaml": "# 1"}
    before |= {"i-delete.yaml": "# 1", "both.yaml": "# 1", "book.yaml": edition(1)}
    with house.caller("writer") as writer:
        contents = {file: text.encode() for file, text in before.items()}
        writer.save_draft(pb.SaveDraftRequest(name="three", base=house.version, files=messages(contents)))
    page = visit("writer", allow="409")
    page.goto(f"{house.console.address}/drafts/three")
    editor_ready(page)
    changes = {"theirs.yaml": "# 2", "gone.yaml": None, "they-delete.yaml": None, "new.yaml": "# 2"}
    saved_by_other(house, "three", {**changes, "i-delete.yaml": "# 2", "both.yaml": "# 2"})
    for file in ("mine.yaml", "they-delete.yaml", "both.yaml"):
        page.get_by_role("button", name=file, exact=True).click()
        replace(page, "# 1", "# 3")
    page.get_by_role("button", name="i-delete.yaml", exact=True).click()
    page.get_by_role("button", name="Delete the file").click()
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.locator("#editor-merge[open]")
    dialog.wait_for()
    headings = dialog.get_by_role("heading", level=3).all_inner_texts()
    assert sorted(headings) == ["both.yaml", "i-delete.yaml", "they-delete.yaml"]
    seen(page, "[data-taken]", "only they changed it: theirs.yaml, new.yaml, gone.yaml")
    assert dialog.get_by_text("They deleted this file. It stays").count() == 1
    assert dialog.get_by_text("You deleted this file, and they changed it").count() == 1
    assert violations(page) == []
    dialog.get_by_role("button", name="Save the right side").click()
    seen(page, "#editor-message", "Saved.")
    merged = {"theirs.yaml": "# 2", "mine.yaml": "# 3", "they-delete.yaml": "# 3", "i-delete.yaml": "# 2"}
    merged |= {"both.yaml": "# 3", "new.yaml": "# 2", "book.yaml": edition(1)}
    assert kept_files(house, "three") == merged
    saved_by_other(house, "three", {"theirs.yaml": "# 4", "i-delete.yaml": None})
    page.get_by_role("button", name="mine.yaml", exact=True).click()
    replace(page, "# 3", "# 5")
    page.keyboard.press("Control+s")
    seen(page, "#editor-message", "only they changed it: theirs.yaml, i-delete.yaml")
    assert dialog.count() == 0
    del merged["i-delete.yaml"]
    assert kept_files(house, "three") == {**merged, "theirs.yaml": "# 4", "mine.yaml": "# 5"}
    assert page.locator("#editor-state").inner_text() == "All is saved."


def test_files_are_renamed_and_deleted(house: ConsoleHouse, visit: Visit) -> None:
    """Also by the keyboard; the language server forgets what is gone, and other names than a book's are not taken."""
    draft_of(house, "names", edition(1).replace("gte", "gtr"))
    page = visit("writer")
    page.goto(f"{house.console.address}/drafts/names")
    editor_ready(page)
    seen(page, "#editor-problems", "book.yaml:9")
    field = page.get_by_label("New name of the shown file")
    for wrong in (
        "../up.yaml",
        "/etc/a.yaml",
        ".hidden.yaml",
        "a\\b.yaml",
        "a//b.yaml",
        "run.py",
        "a\u202eb.yaml",
        "ü" * 126 + ".yaml",
        "n/" * 150 + ".yaml",
        "tests/tests/a.yaml",
    ):
        field.fill(wrong)
        page.get_by_role("button", name="Rename").click()
        seen(page, "#editor-message", "This is no name for a file of a book")
    field.fill("tests/ann.yaml")
    page.get_by_role("button", name="Rename").click()
    seen(page, "#editor-message", "There is a file of this name.")
    field.fill("tests/ann.yaml/b.yaml")
    page.get_by_role("button", name="Rename").click()
    seen(page, "#editor-message", "A file and a folder cannot have the same name.")
    field.fill("main/größe.yaml")
    field.press("Enter")
    seen(page, "#editor-problems", "main/größe.yaml:9")
    page.get_by_role("button", name="tests/ann.yaml").first.click()
    tabbed_to(page, "Delete the file")
    page.keyboard.press("Enter")
    seen(page, "#editor-message", "tests/ann.yaml: The file is deleted when you save.")
    page.get_by_role("button", name="Delete the file").click()
    seen(page, "#editor-message", "This is the only file")
    page.get_by_role("button", name="Save", exact=True).click()
    seen(page, "#editor-message", "Saved.")
    with house.caller("reader") as reader:
        kept = reader.get_draft(pb.GetDraftRequest(name="names")).files
    assert [file.name for file in kept] == ["main/größe.yaml"]
    assert page.locator('#editor[data-server="ready"]').count() == 1


def replace_in_merge(page: Any) -> None:
    """Writes one's own words again over a line that was taken from the other side."""
    right = page.locator(".merge .cm-merge-b .cm-content").first
    text = right.inner_text()
    if "Rich cream" not in text:
        right.locator(".cm-line", has_text="name: Cream").first.click()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+End")
        page.keyboard.type("  cream: {name: Rich cream, value: 11, content: {default: {text: A cream}}}")


def test_a_version_is_released(house: ConsoleHouse, visit: Visit) -> None:
    """Read, approved by somebody else than its author, staged for 5 %, compared, activated for all; then taken back."""
    with house.caller("writer") as writer:
        version = writer.publish(
            pb.PublishRequest(files=messages(files(edition(7))), note="worth more")
        ).release.version
    address = f"{house.console.address}/versions/{version}"
    author = visit("writer")
    author.goto(address)
    assert author.get_by_role("button", name="Approve").count() == 0
    reviewer = visit("approver")
    reviewer.goto(address)
    seen(reviewer, "#words", "the offer cream changes")
    seen(reviewer, "pre.diff ins", "value: 17")
    reviewer.get_by_label("Note").fill("read")
    reviewer.get_by_role("button", name="Approve").click()
    seen(reviewer, "table", "may go live")
    operator = visit("operator", allow="409")
    operator.goto(address)
    operator.get_by_role("button", name="Stage").click()
    seen(operator, "#state", "staged 5.0%")
    seen(operator, "table", "Since the stage began")
    picture(operator, "stage")
    operator.get_by_role("button", name="Activate for all").click()
    seen(operator, "#state", "live")
    operator.goto(f"{house.console.address}/books/spring")
    operator.get_by_role("button", name="Roll back").click()
    seen(operator, "tr", "rollback")


def tabbed_to(page: Any, name: str, most: int = 120) -> None:
    """Moves the focus by Tab until it is on what is called so."""
    for _ in range(most):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => { const e = document.activeElement; return (e.labels?.[0]?.innerText || e.getAttribute('aria-label')"
            " || e.innerText || '').trim() }"
        )
        if re.match(rf"{re.escape(name)}\b", label):
            return
    raise AssertionError(f"Tab never came to {name!r}")


def pressed(page: Any, name: str) -> None:
    """Tabs to what is called so, and presses Enter."""
    tabbed_to(page, name)
    page.keyboard.press("Enter")


def test_both_journeys_by_the_keyboard_only(house: ConsoleHouse, visit: Visit) -> None:
    """Problem and fix, scenario, what would change, submission; note and approval, 5 %, comparison, all."""
    page = visit("writer")
    pressed(page, "Books")
    page.locator("h1", has_text="Books").wait_for()
    tabbed_to(page, "Name of the draft")
    page.keyboard.type("by-keys")
    pressed(page, "Begin")
    editor_ready(page)
    tabbed_to(page, "File book.yaml")
    replace(page, "gte: 18", "gtr: 21")
    seen(page, "#editor-problems", "there is no operator 'gtr'")
    page.keyboard.press("Control+.")
    page.locator("#editor-problems", has_text="no operator").wait_for(state="detached")
    replace(page, "value: 10", "value: 29")
    page.keyboard.press("Control+s")
    seen(page, "#editor-checked", "1 scenario passed")
    page.keyboard.press("Escape")
    pressed(page, "Compare on the log")
    seen(page, "#replay-result", f"of {DECISIONS} decisions would change")
    tabbed_to(page, "What changes, and why")
    page.keyboard.type("by keys")
    pressed(page, "Submit for review")
    seen(page, "#words", "the offer cream changes")
    address = page.url
    reviewer = visit("approver")
    reviewer.goto(address)
    tabbed_to(reviewer, "Line by line")
    assert "value: 29" in reviewer.evaluate("() => document.activeElement.innerText")
    tabbed_to(reviewer, "Note")
    reviewer.keyboard.type("read by keys")
    pressed(reviewer, "Approve")
    seen(reviewer, "table", "read by keys")
    operator = visit("operator")
    operator.goto(address)
    pressed(operator, "Stage")
    seen(operator, "#state", "staged 5.0%")
    tabbed_to(operator, "Since the stage began")
    pressed(operator, "Activate for all")
    seen(operator, "#state", "live")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(house: ConsoleHouse, visit: Visit, scheme: str) -> None:
    """Nothing for axe-core, in either scheme; problems and results are shown while it looks."""
    draft_of(house, f"axe-{scheme}", edition(1).replace("gte", "gtr"))
    page = visit("operator", scheme)
    version = house.version
    paths = (
        "/books", "/books/spring", f"/versions/{version}", f"/of/version/{version}/try-out?customer=ann",
        f"/of/version/{version}/campaigns", f"/of/version/{version}/campaigns/adults",
    )  # fmt: skip
    for path in paths:
        open_whole(page, f"{house.console.address}{path}")
        assert violations(page) == [], path
        if scheme == "light" and path.endswith("campaigns"):
            picture(page, "calendar")
    open_whole(page, f"{house.console.address}/of/version/{version}/try-out?customer=ann")
    page.get_by_role("button", name="Decide").click()
    page.locator("#tried-outcome").wait_for()
    assert violations(page) == []
    page.goto(f"{house.console.address}/drafts/axe-{scheme}")
    editor_ready(page)
    seen(page, "#editor-problems", "there is no operator 'gtr'")
    page.get_by_role("button", name="Save", exact=True).click()
    seen(page, "#editor-checked", "It cannot be published yet")
    assert violations(page) == []


def test_what_runs_is_only_the_consoles(house: ConsoleHouse, visit: Visit) -> None:
    """Markup in a book and in names of its files is text: in editor, hovers, problems, merging, diff and what is tried out."""
    evil = "<img src=x onerror=window.ran=1><script>window.ran=1</script>"
    book = edition(1).replace("name: Cream", f'name: "{evil}"').replace("text: A cream", f'text: "{evil}"')
    contents = {f"{number}{name}": b"# 1" for number, name in enumerate(FILE_NAMES)}
    (first, *_), wrong = contents, book.replace("gte: 18", f'"{evil}": 18').encode()
    with house.caller("writer") as writer:
        request = pb.SaveDraftRequest(name="evil", base=house.version, files=messages({first: wrong}))
        writer.save_draft(request)
        good = messages({**contents, first: book.encode()})
        version = writer.publish(pb.PublishRequest(files=good)).release.version
    page = visit("writer", allow="409")
    page.goto(f"{house.console.address}/drafts/evil")
    editor_ready(page)
    seen(page, "#editor-problems", f"{first}:9")
    seen(page, "#editor-problems", "there is no operator")
    for name in list(contents)[1:]:
        page.get_by_label("New file").fill(name)
        page.get_by_role("button", name="Add").click()
        assert page.locator('#editor-files-list [aria-current="true"]').inner_text() == name
        page.keyboard.type("# 2")
    saved_by_other(house, "evil", {first: book, **dict.fromkeys(list(contents)[1:], "# 3")})
    page.keyboard.press("Control+s")
    page.locator("#editor-merge[open]").wait_for()
    assert page.locator("#editor-merge h3").all_inner_texts() == list(contents)[1:]
    seen(page, "[data-taken]", first)
    page.get_by_role("button", name="Save the right side").click()
    seen(page, "#editor-checked", "scenarios passed")
    page.get_by_role("button", name="Decide").click()
    page.locator("#tried-outcome").wait_for()
    _nothing_ran(page)
    page.goto(f"{house.console.address}/versions/{version}")
    for name in contents:
        seen(page, "pre.diff", name)
    _nothing_ran(page)


def _nothing_ran(page: Any) -> None:
    assert page.evaluate("() => window.ran") is None
    assert page.locator("img, main script:not([type='application/json']), svg[onload]").count() == 0
