"""What of a folder's changes concerns the book."""

from pathlib import Path

import pytest

from engine.server.book.watch import concerns


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("book.yaml", True),
        ("campaigns/spring.yml", True),
        ("campaigns", True),
        ("..data", True),
        ("..2026_03_10/book.yaml", True),
        ("tests/spring.yaml", False),
        ("tests", False),
        (".git", False),
        (".git/index", False),
        (".book.yaml.swp", False),
        ("tact.db", False),
        ("tact.db-wal", False),
        ("readme.md", False),
        (".", False),
        ("../elsewhere.yaml", False),
    ],
)
def test_what_concerns_the_book(path: str, wanted: bool) -> None:
    """Its YAML files, its folders and Kubernetes' links do; a log beside it and its scenarios do not."""
    root = Path("/srv/book")
    full = root.parent / path[3:] if path.startswith("../") else root / path
    assert concerns(root, str(full)) is wanted
