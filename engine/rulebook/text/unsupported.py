"""What the language has and this version has not: one table, so that nothing of it is ignored or called a typo."""

from collections.abc import Iterator

from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.nodes import Plain

_FEATURES = ("campaigns.*.attribution",)
"""Places in a book; `*` is any name."""


def message(label: str) -> str:
    """What is said of a feature that this version has not."""
    return f"`{label}` is not available in this version of Tact"


def strip(book: dict[str, Plain], findings: Findings) -> None:
    """Report and take out of the merged book what this version does not do."""
    for feature in _FEATURES:
        label = feature.rpartition(".")[2]
        for parent, path in list(_matches(book, tuple(feature.split(".")))):
            key = str(path[-1])
            findings.key_error(path, Code.UNSUPPORTED, message(label))
            findings.spoil(path)
            del parent[key]


def _matches(data: Plain, parts: tuple[str, ...], path: Path = ()) -> Iterator[tuple[dict[str, Plain], Path]]:
    if not isinstance(data, dict):
        return
    for name in data if parts[0] == "*" else (parts[0],):
        if name not in data:
            continue
        if len(parts) == 1:
            yield data, (*path, name)
        else:
            yield from _matches(data[name], parts[1:], (*path, name))
