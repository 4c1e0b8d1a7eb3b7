"""Links between the pages lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name_of, prose_of

_LINK = re.compile(r"\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = _HEADING.findall(prose_of(page))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the checkout and, with an anchor, one of its headings."""
    lost = []
    for target in (link["target"] for link in _LINK.finditer(prose_of(page))):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        exists = file.is_relative_to(ROOT) and file.exists()
        if not exists or (anchor and anchor not in anchors_of(file)):
            lost.append(target)
    assert lost == []


def test_every_page_is_linked() -> None:
    """Every page below docs/ is linked from another one."""
    linked = {
        (page.parent / link["target"].partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.finditer(prose_of(page))
        if not link["target"].startswith(("https://", "#"))
    }
    assert [name_of(page) for page in PAGES if "docs" in page.parts and page.resolve() not in linked] == []


def test_every_picture_is_shown_and_small() -> None:
    """Pictures of the console, which tests/browser make, stand in a page and take at most 100 kB each."""
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    pictures = sorted((ROOT / "docs" / "console").glob("*.png"))
    assert pictures
    assert [picture.name for picture in pictures if f"console/{picture.name})" not in shown] == []
    assert [picture.name for picture in pictures if picture.stat().st_size > 100_000] == []
