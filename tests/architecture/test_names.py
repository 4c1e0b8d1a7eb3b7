"""Names say what they hold, and one class name means one thing."""

import ast
from collections import defaultdict
from collections.abc import Iterator

import pytest

from tests.architecture.source import PACKAGES, Module, modules

EMPTY = frozenset(("each", "found", "one", "place", "some", "told"))
"""Words that say nothing of what they hold."""
KEYS_OF_BOOKS = {("engine/rulebook/shapes/derived.py", "place")}
"""Names that are those of keys in books: `near: {place: NAME}`."""


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_empty(package: str) -> None:
    """No variable, parameter, field, function, class or alias is called by a word that fits anything."""
    offences = [
        f"{module.path}:{line} {name}"
        for module in modules(package)
        for name, line in _names(module.tree)
        if name.strip("_").lower() in EMPTY and (module.path, name) not in KEYS_OF_BOOKS
    ]
    assert offences == []


def test_a_class_name_means_one_thing() -> None:
    """No two modules of the engine define the same public class or type alias."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules("engine"):
        for name in _public_types(module):
            homes[name].append(module.path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def _names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that the tree binds, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name, node.lineno
            case ast.Attribute(attr=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.alias(asname=str(name)):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno


def _public_types(module: Module) -> Iterator[str]:
    """The classes that the module defines, and the names that it gives to types."""
    for node in module.tree.body:
        match node:
            case ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar"))):
                continue
            case ast.Assign(targets=targets):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=ast.Name(id="TypeAlias")):
                names = [name]
            case _:
                continue
        yield from (name for name in names if name[0].isupper() and not name.isupper())
