"""What the pages tell a reader to do can be done, step by step, and prints what they say."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.once import demo_run
from tests.docs.forked_path import ForkedPath
from tests.docs.pages import PAGES, blocks_of, name_of
from tests.docs.walk import Walk

WALKS = [page for page in PAGES if any(block.value("run") is not None for block in blocks_of(page))]

REAL = Path(sys.executable).parent
"""The README's commands are the program as it is installed; those of the other pages are forked, which takes less time."""


@pytest.fixture(scope="module")
def forked_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a `tact` and a `python` that are forked."""
    with ForkedPath(tmp_path_factory.mktemp("commands")) as path:
        yield path.folder


@pytest.mark.parametrize("page", WALKS, ids=name_of)
def test_a_page_can_be_walked(
    page: Path, tmp_path: Path, forked_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every block is done in the order of the page; what it prints is what the page shows."""
    if shutil.which("sqlite3") is None and any("sqlite3 -" in block.text for block in blocks_of(page)):
        pytest.skip("the page uses the program sqlite3, which is not on this machine")
    commands = REAL if name_of(page) == "README.md" else forked_path
    walk = Walk(tmp_path, commands, lambda: demo_run(tmp_path_factory))
    try:
        for block in blocks_of(page):
            walk.step(block)
    finally:
        walk.end()


def test_there_are_walks() -> None:
    """The README and the tutorial are among the pages that are walked."""
    assert {"README.md", "docs/tutorial.md"} <= {name_of(page) for page in WALKS}
