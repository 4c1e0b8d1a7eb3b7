"""The schemas in the program that VS Code, Neovim and others run for YAML."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from engine.authoring.analyse import analyse
from engine.authoring.schema import schema
from tests.authoring.books import BOOKS, RULES, contents
from tests.lsp.editor import editing

PACKAGES = os.environ.get("EDITOR_PACKAGES", "")
pytestmark = pytest.mark.skipif(
    not PACKAGES, reason="make test-editor installs Node's packages and runs this"
)
WRONG = "campaigns:\n  x:\n    offer: nothing-like-it\n    when: {audience: }\n"


def _command() -> list[str]:
    node, modules = shutil.which("node"), Path(PACKAGES, "node_modules").resolve()
    assert node is not None
    return [node, str(modules / "yaml-language-server" / "bin" / "yaml-language-server"), "--stdio"]


def _settings(folder: Path) -> dict[str, Any]:
    schemas = {(folder / name / "schema.json").as_uri(): [f"{folder / name}/*.yaml"] for name in BOOKS}
    store = {"enable": False}
    return {"yaml": {"schemas": schemas, "validate": True, "completion": True, "schemaStore": store}}


async def test_no_shipped_book_has_a_false_alarm_and_mistakes_have_one(tmp_path: Path) -> None:
    """Every file of every book is fine; a name that the book does not have is reported, and completed."""
    for book in BOOKS:
        copy = shutil.copytree(RULES / book, tmp_path / book)
        (copy / "schema.json").write_text(json.dumps(schema(analyse(contents(book)).data)), encoding="utf-8")
    async with editing(_command(), tmp_path, _settings(tmp_path)) as editor:
        for book in BOOKS:
            for name in (file for file in contents(book) if file.endswith(".yaml")):
                editor.open(f"{book}/{name}", (tmp_path / book / name).read_text(encoding="utf-8"))
                reported = await editor.diagnostics(f"{book}/{name}")
                assert list(reported) == [], (book, name, reported)
        wrong = f"{BOOKS[0]}/wrong.yaml"
        editor.open(wrong, WRONG)
        assert {mistake.range.start.line for mistake in await editor.diagnostics(wrong)} >= {2}
        at = editor.at(wrong, WRONG, "}\n")
        items = await editor.client.text_document_completion_async(types.CompletionParams(**at))
        audiences = analyse(contents(BOOKS[0])).data["audiences"]
        assert isinstance(items, types.CompletionList)
        assert isinstance(audiences, dict)
        assert set(audiences) <= {item.label for item in items.items}
