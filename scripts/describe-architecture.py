#!/usr/bin/env python3
"""Writes the layer lists of docs/architecture.md from the import contracts, and prints the size of the tree.

With `--count FOLDER` it prints the size of the tree in that folder, and writes nothing.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- layers: made by scripts/describe-architecture.py -->\n", "<!-- end of layers -->\n"


def layers() -> str:
    """The contracts that order packages, as the page has them: importers above what they import."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    ordered = [contract for contract in contracts if contract["type"] == "layers"]
    return "\n".join(_layer_list(contract) for contract in ordered)


def _layer_list(contract: dict[str, Sequence[str]]) -> str:
    folders = ", ".join(f"`{name.replace('.', '/')}/`" for name in contract["containers"])
    return "\n".join((f"{contract['name']} ({folders}):", "", "```text", *contract["layers"], "```", ""))


def with_layers(page: str) -> str:
    """The page with the layer lists in their place."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{layers()}{END}{tail}"


def size(root: Path) -> Iterator[tuple[str, float]]:
    """What the page's table tells of the tree of engine/ and of what left it: demo/."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "engine", "demo"],  # noqa: S607
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [root / path for path in listing.stdout.split() if path.endswith(".py") and "_pb2" not in path]
    texts = {path: path.read_text(encoding="utf-8") for path in paths if path.exists()}
    lines = {path: text.count("\n") for path, text in texts.items()}
    rooms = [path for path in texts if path.name != "__init__.py" and "migrations" not in path.parts]
    yield "files", len(texts)
    yield "lines", sum(lines.values())
    yield "mean lines a file", round(sum(lines.values()) / len(texts))
    yield "modules under 60 lines", sum(lines[path] < 60 for path in rooms)
    yield "names in engine/", len({path.relative_to(root).parts[1] for path in texts} - {"__init__.py"})
    yield "functions over 40 lines", sum(_long_functions(text) for text in texts.values())


def _long_functions(text: str) -> int:
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sum(_body_lines(node) > 40 for node in functions)


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the function without its signature and docstring."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def main() -> None:
    """Writes the page, or with --count FOLDER only counts."""
    folder = ROOT
    if sys.argv[1:2] == ["--count"]:
        folder = Path(sys.argv[2])
    else:
        PAGE.write_text(with_layers(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for label, figure in size(folder):
        print(f"{label:<26}{figure:>8,}")  # noqa: T201 what it is for


if __name__ == "__main__":
    main()
