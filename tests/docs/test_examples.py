"""The pages' YAML loads; the commands that they name exist."""

import re
from pathlib import Path

import pytest

from engine.cli import app
from engine.cli.report import QUESTIONS, question_command
from engine.decide.compiled import compile_book
from engine.rulebook.load import LoadedBook, load, load_files
from engine.rulebook.report.diagnostics import Severity, render
from engine.scenario.context_file import load_context
from tests.docs.commands import commands_of
from tests.docs.pages import ALL_BLOCKS, PAGES, ROOT, Block

YAML = [block for block in ALL_BLOCKS if block.language == "yaml"]
SHELL = [block for block in ALL_BLOCKS if block.language == "sh"]


def tagged(tag: str) -> list[Block]:
    """The YAML blocks with a tag."""
    return [block for block in YAML if block.value(tag) is not None]


def loaded(block: Block) -> LoadedBook:
    """The block as a book, added to the whole book that stands before it on its page."""
    files = {"example.yaml": block.text.encode()}
    if block.value("book") is None:
        base = next(whole for whole in tagged("book") if whole.page == block.page)
        files["base.yaml"] = base.text.encode()
    return load_files(files)


def test_every_example_is_held() -> None:
    """No YAML stands in a page without a tag that makes a test look at it."""
    known = ("file", "book", "sections", "example", "context")
    assert [str(candidate) for candidate in YAML if all(candidate.value(tag) is None for tag in known)] == []


@pytest.mark.parametrize("block", [*tagged("book"), *tagged("sections")], ids=str)
def test_a_book_loads(block: Block) -> None:
    """Whole books and parts of them load without errors or warnings."""
    result = loaded(block)
    assert result.book is not None, render(result.diagnostics)
    assert {diagnostic.severity for diagnostic in result.diagnostics} <= {Severity.NOTE}


@pytest.mark.parametrize("block", tagged("context"), ids=str)
def test_a_context_can_be_read(block: Block, tmp_path: Path) -> None:
    """Each example of a customer is a request to the book that its page writes, or else to cosmetics-cn."""
    before = [other for other in YAML if other.page == block.page and other.line < block.line]
    files = {other.value("file") or "": other.text.encode() for other in before}
    book = load_files({name: text for name, text in files.items() if "/" in name}).book
    if not any("/" in name for name in files):
        book = load(ROOT / "rules" / "cosmetics-cn").book
    assert book is not None
    (tmp_path / "context.yaml").write_text(block.text, encoding="utf-8")
    context = load_context(tmp_path / "context.yaml", compile_book(book))
    assert context.given is not None, render(context.diagnostics)


def test_what_is_made_can_be_made() -> None:
    """Every `make` that a page names is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
        assert named <= targets, page


def test_commands_exist() -> None:
    """Every command of tact that a page runs exists, with the options that it is given."""
    commands = commands_of(app)
    for block in SHELL:
        for command, rest in re.findall(r"^tact ([a-z-]+)(.*)$", block.text, re.MULTILINE):
            assert command in commands, block
            question = rest.split()[0] if command == "report" and rest.split()[:1] else ""
            called = question_command(question) if question in QUESTIONS else commands[command]
            options = {name for parameter in called.params for name in parameter.opts}
            assert set(re.findall(r"(--[a-z-]+)", rest.partition("&&")[0])) <= options, block
