"""Lists the licences of all packages that Tact needs at run time, with every extra, as installed in this environment.

Prints a table in Markdown. Exit code 1 if a package declares none of the licences that are allowed, or is not installed.
The licences are those that the packages declare: cyclonedx-bom reads them, as for the list in the image.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

ALLOWED = {
    *(
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "PSF-2.0",
        "Python-2.0",
        "Zlib",
    ),
    "MPL-2.0",  # for its own files only: certifi, orjson
    "LGPL-3.0-only",  # used as a library, unchanged: psycopg
    "BSL-1.0",
    "CC0-1.0",
    "Unlicense",
    # as classifiers of packages that declare no SPDX expression name them
    *("3-Clause BSD License", "BSD License", "MIT License", "Apache Software License"),
    "Mozilla Public License 2.0",
}
"""Licences that allow to use and to pass on the packages beside ours."""


def needed() -> tuple[set[str], set[str]]:
    """The names of the packages that are needed, and of those among them that are not installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    left = [Requirement(text) for texts in (project["dependencies"], *extras) for text in texts]
    seen: set[tuple[str, frozenset[str]]] = set()
    absent: set[str] = set()
    while left:
        requirement = left.pop()
        name, wanted = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, wanted) in seen:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            seen.add((name, wanted))
            try:
                left += _below(name, wanted)
            except PackageNotFoundError:
                absent.add(name)
    return {name for name, _ in seen} - {canonicalize_name(project["name"])}, absent


def _below(name: str, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            requirement.marker = None
            yield requirement


def components() -> dict[str, tuple[str, str]]:
    """Version and licence of each installed package, by name."""
    # validating takes longer than all else, and is about a form that is only read here
    options = ("--no-validate", "--output-reproducible")
    command = [sys.executable, "-m", "cyclonedx_py", "environment", *options, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- our own command
    return {
        canonicalize_name(component["name"]): (component.get("version", ""), _licence(component))
        for component in json.loads(done.stdout)["components"]
    }


def _licence(component: dict[str, Any]) -> str:
    declared = component.get("licenses", ())
    expressions = [str(entry["expression"]) for entry in declared if "expression" in entry]
    named = [entry["license"] for entry in declared if "license" in entry]
    names = [str(entry.get("id") or entry.get("name")) for entry in named]
    names = [name.removeprefix("License :: OSI Approved :: ") for name in names]
    return (
        " AND ".join(dict.fromkeys(expressions or names)) or metadata(str(component["name"]))["License"] or ""
    )


def is_allowed(licence: str) -> bool:
    """Whether one alternative of the expression has nothing but allowed licences; with braces, the whole expression."""
    licence = licence.replace(" (MPL 2.0)", "")
    alternatives = (
        [re.sub(r"[()]", "", licence).replace(" OR ", " AND ")] if "(" in licence else licence.split(" OR ")
    )
    return any(set(alternative.split(" AND ")) <= ALLOWED for alternative in alternatives)


def main() -> int:
    """Prints the table; returns the exit code."""
    names, absent = needed()
    known, wrong = components(), []
    print("| package | version | licence |\n|---|---|---|")  # noqa: T201
    for name in sorted(names - absent):
        version, licence = known.get(name, ("", ""))
        print(f"| {name} | {version} | {licence or 'none declared'} |")  # noqa: T201
        if not is_allowed(licence):
            wrong.append(f"{name}: {licence or 'none declared'} is not an allowed licence")
    wrong += [f"{name} is not installed here" for name in sorted(absent)]
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
