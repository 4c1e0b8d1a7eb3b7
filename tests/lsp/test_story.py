"""An afternoon at the marketer's desk: the real server, with what an editor sends and shows."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.authoring.books import BOOKS, RULES, contents
from tests.lsp.editor import Editor, editing

COMMAND = [sys.executable, "-m", "engine.cli", "lsp"]
HEAD = """book: {name: tea, timezone: UTC}
attributes: {profile.名字: {type: text}, profile.age: {type: integer}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
"""
CAMPAIGNS = """offers:
  tea: {name: 茶 🍵, content: {default: {title: "🍵🍵 {profile.名字|你} 🍵"}}}
audiences:
  young: {profile.age: {lt: 30}}
campaigns:
  🍵: {offer: tea, placements: [hero], when: {audience: yuong}}
"""
SCENARIOS = """tests:
  - {name: a, customer: {customer: li, profile: {名字: 李 🍵}}, expect: {outcome: nothing}}
"""


def _book(folder: Path) -> Path:
    book = folder / "tea house"
    (book / ".tact").mkdir(parents=True)
    (book / "tests").mkdir()
    (book / "tests" / "guests.yaml").write_text(SCENARIOS, encoding="utf-8")
    (book / "book.yaml").write_text(HEAD, encoding="utf-8")
    (book / "campaigns.yaml").write_text(CAMPAIGNS, encoding="utf-8")
    reach = {"days": 7, "persons": 200, "campaigns": {"welcome": {"persons": 24, "scenarios": 3}}}
    (book / ".tact" / "reach.json").write_text(json.dumps(reach), encoding="utf-8")
    return book


async def test_an_afternoon(tmp_path: Path) -> None:
    """A mistake and its fix, completion, hover, definition, references, renaming over files, symbols, lenses."""
    book = _book(tmp_path)
    async with editing(COMMAND, book) as editor:
        text = CAMPAIGNS.replace("🍵: {offer", "welcome: {offer")
        editor.open("campaigns.yaml", CAMPAIGNS)
        reported = await editor.diagnostics("campaigns.yaml")
        assert {str(mistake.code) for mistake in reported} >= {"name", "unknown"}
        editor.type("campaigns.yaml", text)
        text = await _fix(editor, text)
        await _mend(editor, text)
        await _ask(editor, text)
        await _rename(editor, text)


async def _fix(editor: Editor, text: str) -> str:
    """The text after the quick fix of its one error; the range is in UTF-16, behind Chinese and emoji."""
    errors = [
        mistake
        for mistake in await editor.diagnostics("campaigns.yaml")
        if mistake.severity == types.DiagnosticSeverity.Error
    ]
    (error,) = errors
    assert "did you mean 'young'?" in error.message
    actions = await editor.client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(editor.uri("campaigns.yaml")),
            error.range,
            types.CodeActionContext([error]),
        )
    )
    assert actions
    fix = actions[0]
    assert isinstance(fix, types.CodeAction)
    assert fix.is_preferred
    assert fix.edit is not None
    assert fix.edit.changes is not None
    text = _edited(text, fix.edit.changes[editor.uri("campaigns.yaml")])
    assert text == CAMPAIGNS.replace("yuong", "young").replace("🍵: {offer", "welcome: {offer")
    editor.type("campaigns.yaml", text)
    reported = await editor.diagnostics("campaigns.yaml")
    assert [mistake for mistake in reported if mistake.severity == types.DiagnosticSeverity.Error] == []
    return text


async def _mend(editor: Editor, text: str) -> None:
    """What a remark says is taken out of the file in which it stands, but not what a scenario names."""
    client, uri = editor.client, editor.uri("book.yaml")
    unused = HEAD.replace("profile.age: {type: integer}", "profile.age: {type: integer}, profile.🍵x: {}")
    unused = unused.replace("profile.🍵x: {}", "profile.茶: {type: text}")
    editor.open("book.yaml", unused)
    await editor.diagnostics("book.yaml")
    where = types.Range(types.Position(1, 0), types.Position(1, 99))
    context = types.CodeActionContext([], trigger_kind=types.CodeActionTriggerKind.Invoked)
    document = types.TextDocumentIdentifier(uri)
    actions = await client.text_document_code_action_async(types.CodeActionParams(document, where, context))
    (fix,) = [action for action in actions or () if action.title.startswith("Delete")]
    assert fix.title == "Delete the attribute 'profile.茶'"
    assert isinstance(fix, types.CodeAction)
    assert fix.edit is not None
    assert fix.edit.changes is not None
    assert _edited(unused, fix.edit.changes[uri]) == HEAD
    scenario = editor.folder / "tests" / "tea.yaml"
    scenario.write_text(SCENARIOS.replace("名字", "茶"), encoding="utf-8")
    actions = await client.text_document_code_action_async(types.CodeActionParams(document, where, context))
    assert not [action for action in actions or () if action.title.startswith("Delete")]
    scenario.unlink()
    editor.type("book.yaml", HEAD)
    await editor.diagnostics("book.yaml")


def _edited(text: str, edits: Sequence[Any]) -> str:
    """The text after edits whose positions are in units of UTF-16."""
    lines = text.split("\n")
    for edit in sorted(
        edits, key=lambda edit: (edit.range.start.line, edit.range.start.character), reverse=True
    ):
        line = lines[edit.range.start.line].encode("utf-16-le")
        start, end = 2 * edit.range.start.character, 2 * edit.range.end.character
        changed = line[:start] + edit.new_text.encode("utf-16-le") + line[end:]
        lines[edit.range.start.line] = changed.decode("utf-16-le")
    return "\n".join(lines)


async def _ask(editor: Editor, text: str) -> None:
    client, name = editor.client, "campaigns.yaml"
    shown = await client.text_document_hover_async(types.HoverParams(**editor.at(name, text, "young}")))
    assert shown is not None
    assert isinstance(shown.contents, types.MarkupContent)
    assert "profile.age lt 30" in shown.contents.value
    assert "`campaigns/welcome`" in shown.contents.value
    where = await client.text_document_definition_async(
        types.DefinitionParams(**editor.at(name, text, "名字|"))
    )
    assert isinstance(where, types.Location)
    assert where.uri == editor.uri("book.yaml")
    assert (where.range.start.line, where.range.start.character) == (1, HEAD.splitlines()[1].index("profile"))
    context = types.ReferenceContext(include_declaration=True)
    written = await client.text_document_references_async(
        types.ReferenceParams(context=context, **editor.at(name, text, "young:"))
    )
    assert written is not None
    assert [place.range.start.line for place in written] == [3, 5]
    typed = text.replace("audience: young", "audience: ")
    editor.type(name, typed)
    at = editor.at(name, typed, "audience: ")
    at["position"].character += len("audience: ")
    completions = await client.text_document_completion_async(types.CompletionParams(**at))
    assert isinstance(completions, types.CompletionList)
    assert [item.label for item in completions.items] == ["young"]
    editor.type(name, text)
    document = types.TextDocumentIdentifier(editor.uri(name))
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    assert symbols is not None
    assert [symbol.name for symbol in symbols] == ["offers", "audiences", "campaigns"]
    matching = await client.workspace_symbol_async(types.WorkspaceSymbolParams("YOU"))
    assert matching is not None
    assert [symbol.name for symbol in matching] == ["young"]
    lenses = await client.text_document_code_lens_async(types.CodeLensParams(document))
    assert lenses is not None
    assert [lens.command.title for lens in lenses if lens.command] == ["reach 12 % of 7 days, 3 scenarios"]


async def _rename(editor: Editor, text: str) -> None:
    """Renaming changes all files, scenarios too; what cannot be the name is refused in a sentence."""
    at = editor.at("campaigns.yaml", text, "名字|")
    edit = await editor.client.text_document_rename_async(types.RenameParams(new_name="profile.名", **at))
    assert edit is not None
    assert edit.changes is not None
    assert _edited(HEAD, edit.changes[editor.uri("book.yaml")]) == HEAD.replace("名字", "名")
    renamed = _edited(text, edit.changes[editor.uri("campaigns.yaml")])
    assert renamed == text.replace("名字", "名")
    scenarios = _edited(SCENARIOS, edit.changes[editor.uri("tests/guests.yaml")])
    assert scenarios == SCENARIOS.replace("名字", "名")
    with pytest.raises(JsonRpcException, match="cannot be the name"):
        await editor.client.text_document_rename_async(types.RenameParams(new_name="profile.🍵", **at))


async def test_no_shipped_book_has_a_false_alarm(tmp_path: Path) -> None:
    """Every file of every book, opened as an editor opens it, has no error; other YAML has no diagnostics at all."""
    for book in BOOKS:
        shutil.copytree(RULES / book, tmp_path / book)
    async with editing(COMMAND, tmp_path) as editor:
        for book in BOOKS:
            for name in (file for file in contents(book) if file.endswith(".yaml")):
                editor.open(f"{book}/{name}", (tmp_path / book / name).read_text(encoding="utf-8"))
        (tmp_path / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
        editor.open("compose.yaml", "services: {}\n")
        for book in BOOKS:
            for name in (file for file in contents(book) if file.endswith(".yaml")):
                reported = await editor.diagnostics(f"{book}/{name}")
                assert not [x for x in reported if x.severity == types.DiagnosticSeverity.Error], (
                    book,
                    reported,
                )
        assert editor.uri("compose.yaml") not in editor.client.diagnostics


def test_without_the_extra_it_says_what_to_install() -> None:
    """And checking a book, or making its schema, loads nothing of it."""
    code = "import sys; sys.modules['pygls'] = None; from engine.cli import app; app(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, "lsp"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'tact[editor]'" in done.stderr
    for words in (["check", str(RULES / "town-hall")], ["schema"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
