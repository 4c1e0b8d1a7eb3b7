"""The project's pages, and the fenced blocks in them.

The words after a block's language say what the tests do with it: `file=NAME` writes it, `run` runs it, `serve` starts it
and lets it run, `prints` is what the run before it printed (`…` stands for anything), `book` is a whole book,
`sections` are parts of one, `context` is a customer, `example` is a book with a mistake, which is run where the page is made.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "rules").glob("*/README.md"),
        ROOT / "demo" / "README.md",
    ],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)

_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    tags: tuple[str, ...]
    text: str

    def value(self, tag: str) -> str | None:
        """What stands after `tag=`; empty for the bare tag; None without it."""
        for word in self.tags:
            name, _, value = word.partition("=")
            if name == tag:
                return value
        return None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def name_of(page: Path) -> str:
    """The page's path in the checkout."""
    return page.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> list[Block]:
    """The page's blocks in order."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in _BLOCK.finditer(text):
        language, *tags = match["info"].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        blocks.append(Block(name_of(page), line, language, tuple(tags), match["text"]))
    return blocks


def prose_of(page: Path) -> str:
    """The page without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


ALL_BLOCKS = [block for page in PAGES for block in blocks_of(page)]
