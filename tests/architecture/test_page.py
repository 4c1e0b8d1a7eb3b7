"""docs/architecture.md says what the contracts and the tree say."""

import re
from pathlib import Path

from tests.architecture.source import ROOT, contracts

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
_PATH = re.compile(r"`([a-z_0-9]+(?:/[a-z_0-9]+)*(?:/|\.py))`")


def test_the_layers_are_those_of_the_contracts() -> None:
    """Each contract that orders packages is on the page as it is in pyproject.toml."""
    ordered = [contract for contract in contracts() if contract["type"] == "layers"]
    assert len(ordered) >= 4
    for contract in ordered:
        block = "\n".join(("```text", *contract["layers"], "```"))
        assert contract["name"] in PAGE
        assert block in PAGE, "run scripts/describe-architecture.py"


def test_every_path_on_the_page_exists() -> None:
    """Files and folders are named from engine/ or from the root."""
    paths = set(_PATH.findall(PAGE))
    assert len(paths) > 30
    assert [path for path in sorted(paths) if not _exists(path)] == []


def _exists(path: str) -> bool:
    return any((folder / path).exists() for folder in (ROOT / "engine", ROOT, *_folders_of(path)))


def _folders_of(path: str) -> list[Path]:
    """Where a stage that is named without its folder may be."""
    return [ROOT / "engine" / "decide"] if path.count("/") <= 1 else []
