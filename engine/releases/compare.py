"""Compares two versions of a book: the names that come, go and change, and the lines of the files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff

from engine.releases.files import is_test
from engine.rulebook.report.findings import Findings
from engine.rulebook.text.files import Sources
from engine.rulebook.text.merge import Merged, merge
from engine.rulebook.text.nodes import PlainData

MOST_LINES = 5_000
"""Lines of a comparison; more are left out."""


@dataclass(frozen=True, slots=True)
class ChangedName:
    """A name of a book that is not the same in both versions."""

    section: str
    """Such as `campaigns` or `pressure.caps`."""
    name: str
    change: str
    """added, removed or changed."""


@dataclass(frozen=True, slots=True)
class ComparedReleases:
    """What differs between two versions."""

    names: tuple[ChangedName, ...]
    """By section and name."""
    lines: tuple[str, ...]
    """A unified diff of all files, scenarios included."""
    cut: bool
    """Whether it had more lines."""


def compare_releases(old: Mapping[str, str], new: Mapping[str, str]) -> ComparedReleases:
    """Compares the files of two versions that were published. May take seconds."""
    before, after = _by_name(old), _by_name(new)
    names = tuple(
        ChangedName(*key, "added" if key not in before else "removed" if key not in after else "changed")
        for key in sorted(before.keys() | after.keys())
        if key not in before or key not in after or before[key] != after[key]
    )
    lines: list[str] = []
    for line in _lines(old, new):
        if len(lines) == MOST_LINES:
            return ComparedReleases(names, tuple(lines), cut=True)
        lines.append(line)
    return ComparedReleases(names, tuple(lines), cut=False)


def _lines(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            ends = (f"a/{name}" if name in old else "/dev/null", f"b/{name}" if name in new else "/dev/null")
            yield from unified_diff(before.splitlines(), after.splitlines(), *ends, lineterm="")


def patch_of(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """A patch from the old files to the new ones that `git apply` takes in the book's folder; empty: they are the same."""
    parts: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            parts += _file_patch(name, old.get(name), new.get(name))
    return "".join(parts)


def _file_patch(name: str, before: str | None, after: str | None) -> Iterator[str]:
    """The lines for one file, each with its end; None: there is no such file."""
    left, right = _in_header(f"a/{name}"), _in_header(f"b/{name}")
    yield f"diff --git {left} {right}\n"
    if before is None:
        yield "new file mode 100644\n"
    if after is None:
        yield "deleted file mode 100644\n"
    ends = ("/dev/null" if before is None else left, "/dev/null" if after is None else right)
    for number, line in enumerate(unified_diff(_git_lines(before or ""), _git_lines(after or ""), *ends)):
        if number < 2:  # the names: a tab ends one in which there are spaces
            yield line.rstrip("\n") + ("\t\n" if " " in name else "\n")
        elif line.endswith("\n"):
            yield line
        else:
            yield f"{line}\n\\ No newline at end of file\n"


def _git_lines(text: str) -> list[str]:
    """As git sees them: a line ends with a line feed, and with nothing else."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _in_header(path: str) -> str:
    """As git writes the name of a file: in quotes where there is a quote in it."""
    return '"{}"'.format(path.replace('"', '\\"')) if '"' in path else path


def _by_name(files: Mapping[str, str]) -> dict[tuple[str, str], PlainData]:
    """What a book says, by section and name; a rule of contact pressure by its kind's section."""
    own = {
        name: text.encode() for name, text in files.items() if not is_test(name) and not name.endswith(".csv")
    }
    merged = Merged()
    merge(Sources(own), Findings(earlier=True), merged)
    named: dict[tuple[str, str], PlainData] = {}
    for section, content in merged.data.items():
        if section == "pressure" and isinstance(content, dict):
            for kind, rules in content.items():
                named.update(_named(f"pressure.{kind}", rules))
        else:
            named.update(_named(section, content))
    return named


def _named(section: str, content: PlainData) -> dict[tuple[str, str], PlainData]:
    if isinstance(content, dict):
        return {(section, name): value for name, value in content.items()}
    return {(section, ""): content}
