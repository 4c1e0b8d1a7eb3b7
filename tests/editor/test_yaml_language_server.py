"""The schemas in the program that VS Code, Neovim and others run for YAML."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from engine.authoring.analyse import analyse
from engine.authoring.schema import schema
from tests.authoring.books import BOOKS, RULES, contents
from tests.editor.protocol import LanguageServer

PACKAGES = os.environ.get("EDITOR_PACKAGES", "")
pytestmark = pytest.mark.skipif(
    not PACKAGES, reason="make test-editor installs Node's packages and runs this"
)


def _server(folder: Path) -> LanguageServer:
    node, modules = shutil.which("node"), Path(PACKAGES, "node_modules").resolve()
    assert node is not None
    schemas = {(folder / name / "schema.json").as_uri(): [f"{folder / name}/*.yaml"] for name in BOOKS}
    program = str(modules / "yaml-language-server" / "bin" / "yaml-language-server")
    return LanguageServer(
        [node, program, "--stdio"],
        folder,
        lambda section: (
            {"schemas": schemas, "validate": True, "completion": True, "schemaStore": {"enable": False}}
            if section == "yaml"
            else {}
        ),
    )


def _copy(book: str, folder: Path) -> Path:
    copy = shutil.copytree(RULES / book, folder / book)
    (copy / "schema.json").write_text(json.dumps(schema(analyse(contents(book)).data)), encoding="utf-8")
    return copy


def test_no_shipped_book_has_a_false_alarm_and_mistakes_have_one(tmp_path: Path) -> None:
    """Every file of every book is fine; a name that the book does not have is reported, and completed."""
    copies = [_copy(book, tmp_path) for book in BOOKS]
    with _server(tmp_path) as server:
        for copy in copies:
            for path in sorted(copy.glob("*.yaml")):
                server.open(path, path.read_text(encoding="utf-8"))
                reported = _diagnostics(server, path)
                assert reported == [], (path, reported)
        wrong = copies[0] / "wrong.yaml"
        text = "campaigns:\n  x:\n    offer: nothing-like-it\n    when: {audience: }\n"
        server.open(wrong, text)
        assert {mistake["range"]["start"]["line"] for mistake in _diagnostics(server, wrong)} >= {2}
        where = {"line": 3, "character": text.splitlines()[3].index("audience: ") + len("audience: ")}
        items = server.ask("textDocument/completion", textDocument={"uri": wrong.as_uri()}, position=where)
        audiences = analyse(contents(BOOKS[0])).data["audiences"]
        assert isinstance(audiences, dict)
        assert set(audiences) <= {item["label"] for item in items["items"]}


def _diagnostics(server: LanguageServer, path: Path) -> list[dict[str, Any]]:
    reported = server.notice("textDocument/publishDiagnostics", lambda params: params["uri"] == path.as_uri())
    diagnostics: list[dict[str, Any]] = reported["diagnostics"]
    return diagnostics
