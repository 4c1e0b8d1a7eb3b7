"""The project's own modules as syntax trees."""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "demo", "bench", "trial", "scripts")
GENERATED = ("engine/api/v1/", "engine/client/sync.py", "engine/client/privacy.py")
"""Made by `make generate`; whatever rule they break is broken by what they are made from."""


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: str
    """From the root, with slashes."""
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name, as imports have it."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")

    @property
    def is_package(self) -> bool:
        """Whether it is an __init__.py."""
        return self.path.endswith("/__init__.py")

    def imports(self) -> Iterator[str]:
        """The dotted names that it imports, at the top or within functions; of `from a import b` both a and a.b."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def modules(package: str) -> tuple[Module, ...]:
    """The modules of a package, without those that are generated and without migrations."""
    paths = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py"))
    return tuple(
        _module(path) for path in paths if not path.startswith(GENERATED) and "/migrations/" not in path
    )


def _module(path: str) -> Module:
    text = (ROOT / path).read_text(encoding="utf-8")
    return Module(path, text.count("\n"), ast.parse(text, path))


@cache
def contracts() -> tuple[dict[str, Any], ...]:
    """The import contracts of pyproject.toml."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return tuple(document["tool"]["importlinter"]["contracts"])
