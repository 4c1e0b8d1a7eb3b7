"""The reference names everything that there is."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from engine.cli import app
from engine.conditions.model import Operator
from engine.rulebook.model.book import AttributeType
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.sections.attributes import BUILTIN
from engine.rulebook.shapes import experiments, pressure, sections
from engine.settings import Settings
from tests.docs.commands import commands_of
from tests.docs.pages import ROOT

REFERENCE = ROOT / "docs" / "reference"
SHAPES = [
    shape
    for module in (sections, pressure, experiments)
    for shape in vars(module).values()
    if isinstance(shape, type) and issubclass(shape, sections.Shape) and shape.__module__ == module.__name__
]
RULEBOOK = (REFERENCE / "rulebook.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_key_of_a_book_is_named(shape: type[sections.Shape]) -> None:
    """Every key that a section may have stands in the rulebook's page."""
    keys = [field.alias or name for name, field in shape.model_fields.items()]
    assert [key for key in keys if f"`{key}`" not in RULEBOOK and f"{{{key}" not in RULEBOOK] == []


def test_every_word_of_conditions_is_named() -> None:
    """Every operator, type and built-in attribute stands in the rulebook's page."""
    words = [*Operator, *AttributeType, *BUILTIN]
    assert [word for word in words if f"`{word}`" not in RULEBOOK] == []


def test_the_page_of_diagnostics_is_up_to_date(tmp_path: Path) -> None:
    """docs/reference/diagnostics.md, and the copy for `tact check --explain`, are what the script makes now."""
    made = tmp_path / "diagnostics.md"
    script = ROOT / "scripts" / "describe-diagnostics.py"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, script, made], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    fresh = made.read_text(encoding="utf-8")
    for page in (REFERENCE / "diagnostics.md", ROOT / "engine" / "cli" / "diagnostics.md"):
        assert page.read_text(encoding="utf-8") == fresh, "run scripts/describe-diagnostics.py"
    assert [
        code for code in Code if f"\n## {code}\n" not in fresh or f"| [`{code}`](#{code}) |" not in fresh
    ] == []


def test_every_setting_is_named() -> None:
    """Every setting has a row with its variable, its option where there is one, and its default."""
    text = (REFERENCE / "settings.md").read_text(encoding="utf-8")
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| `TACT_")}
    assert set(rows) == {f"`TACT_{name.upper()}`" for name in Settings.model_fields}
    options = _options("serve")
    for name, field in Settings.model_fields.items():
        _, variable, option, default, _, _ = map(str.strip, rows[f"`TACT_{name.upper()}`"].split("|"))
        expected = field.default if isinstance(field.default, str) else json.dumps(field.default)
        assert default == f"`{expected}`", variable
        flag = f"--{name.replace('_', '-')}"
        assert option == (f"`{flag}`" if flag in options else "none")


def test_every_command_is_named() -> None:
    """Every command has a heading, and each of its options stands below it."""
    text = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
    sections = {part.split("`")[0].split()[0]: part for part in text.split("\n## `tact ")[1:]}
    commands = commands_of(app)
    assert set(sections) == set(commands)
    for name, section in sections.items():
        assert [option for option in _options(name) if option not in section] == []


def test_every_status_is_named() -> None:
    """Every status that the server gives to a known error stands in the table."""
    text = (REFERENCE / "statuses.md").read_text(encoding="utf-8")
    source = (ROOT / "engine" / "server" / "status.py").read_text(encoding="utf-8")
    imported = source.partition("from google.rpc.code_pb2 import (")[2].partition(")")[0]
    codes = imported.replace(",", " ").split()
    assert codes
    assert [code for code in codes if f"| {code} |" not in text] == []


def test_the_contract_page_is_up_to_date(tmp_path: Path) -> None:
    """docs/reference/api.md is what scripts/describe-api.py makes of the contract now."""
    made = tmp_path / "api.md"
    subprocess.run([sys.executable, ROOT / "scripts" / "describe-api.py", made], check=True)
    fresh, committed = made.read_text(encoding="utf-8"), (REFERENCE / "api.md").read_text(encoding="utf-8")
    assert fresh == committed, "run scripts/describe-api.py"


def _options(command: str) -> list[str]:
    commands = commands_of(app)
    return [parameter.opts[0] for parameter in commands[command].params if parameter.opts[0].startswith("--")]


def test_the_description_by_openapi_is_that_of_the_contract(tmp_path: Path) -> None:
    """What is served as /openapi.json is what scripts/describe-openapi.py makes of the contract now, and is valid."""
    made = tmp_path / "openapi.json"
    subprocess.run([sys.executable, ROOT / "scripts" / "describe-openapi.py", made], check=True)
    fresh = made.read_text(encoding="utf-8")
    assert fresh == (ROOT / "engine/server/http/openapi.json").read_text(encoding="utf-8"), (
        "run scripts/describe-openapi.py"
    )
    validate(json.loads(fresh))
