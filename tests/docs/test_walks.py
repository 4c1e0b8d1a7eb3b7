"""What the pages tell a reader to do can be done, step by step, and prints what they say."""

import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks_of, name_of
from tests.docs.walk import Walk

WALKS = [page for page in PAGES if any(block.value("run") is not None for block in blocks_of(page))]


@pytest.mark.parametrize("page", WALKS, ids=name_of)
def test_a_page_can_be_walked(page: Path, tmp_path: Path) -> None:
    """Every block is done in the order of the page; what it prints is what the page shows."""
    if shutil.which("sqlite3") is None and any("sqlite3 -" in block.text for block in blocks_of(page)):
        pytest.skip("the page uses the program sqlite3, which is not on this machine")
    walk = Walk(tmp_path)
    try:
        for block in blocks_of(page):
            walk.step(block)
    finally:
        walk.end()


def test_there_are_walks() -> None:
    """The README and the tutorial are among the pages that are walked."""
    assert {"README.md", "docs/tutorial.md"} <= {name_of(page) for page in WALKS}
