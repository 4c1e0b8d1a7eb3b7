"""Modules are rooms, not shelves: a short one has several users or a reason."""

import ast
from collections import defaultdict

from tests.architecture.source import modules

SHORT = 60
"""Lines below which a module has to say why it stands alone."""
LONGEST_FUNCTION = 60
"""Lines of a function without its signature and docstring."""

REASONS = {
    "engine.cli.__main__": "`python -m engine.cli`",
    "engine.cli.approve": "a command, imported by its name when it is called",
    "engine.cli.demo": "a command, imported by its name when it is called",
    "engine.cli.health": "a command, imported by its name when it is called",
    "engine.cli.lsp": "a command, imported by its name when it is called",
    "engine.cli.migrate": "a command, imported by its name when it is called",
    "engine.cli.reach": "a command, imported by its name when it is called",
    "engine.cli.report_audiences": "a command, imported by its name when it is called",
    "engine.cli.report_fatigue": "a command, imported by its name when it is called",
    "engine.cli.report_portrait": "a command, imported by its name when it is called",
    "engine.cli.rollback": "a command, imported by its name when it is called",
    "engine.cli.servers": "a command, imported by its name when it is called",
    "engine.cli.withdrawals": "a part of a command, imported by its name where --log needs the database",
    "engine.console.pages.operations": "a page of several, each a module",
    "engine.console.pages.report": "a page of several, each a module",
    "engine.console.table": "the list of all pages, which import what it would otherwise stand in",
}
"""Short modules with one user, each with the reason why it is not a part of that user."""


def test_short_modules_have_several_users_or_a_reason() -> None:
    """A module under 60 lines with a single importer belongs into that importer."""
    users = _users()
    splinters = {
        module.name
        for module in modules("engine")
        if module.lines < SHORT and not module.is_package and len(users[module.name]) <= 1
    }
    assert splinters - REASONS.keys() == set()
    assert REASONS.keys() - splinters == set(), (
        "these have users enough or have grown: take them off the list"
    )


def test_functions_are_short() -> None:
    """No function of the engine is so long that it has to be scrolled."""
    long = [
        f"{module.path}:{node.lineno} {node.name}"
        for module in modules("engine")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > LONGEST_FUNCTION
    ]
    assert long == []


def _users() -> dict[str, set[str]]:
    """By module, the modules of the engine that import it."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for module in modules("engine"):
        for name in set(module.imports()):
            users[name].add(module.name)
    return users


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - statements[0].lineno + 1 if statements else 0
