"""Makes wheels of installed distributions, as `pip wheel` would fetch them from an index."""

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

from packaging.requirements import Requirement


def pack_requirements(folder: Path, name: str, *extras: str) -> None:
    """Puts a wheel of each distribution that `name[extras]` needs into the folder, without its own."""
    for key, installed in needed(name, *extras).items():
        if key != name:
            pack(installed, folder)


def needed(name: str, *extras: str) -> dict[str, Distribution]:
    """The distributions that a requirement brings, itself among them, by their normal names."""
    distributions: dict[str, Distribution] = {}
    missing = [(name, extras)]
    while missing:
        requirement, with_extras = missing.pop()
        if normal(requirement) in distributions:
            continue
        required = distributions[normal(requirement)] = distribution(requirement)
        missing += list(_requirements(required, with_extras))
    return distributions


def pack(installed: Distribution, folder: Path) -> Path:
    """The wheel that an installed distribution came from, but for what its installer added."""
    text, files = installed.read_text("WHEEL"), installed.files
    assert text is not None
    assert files is not None
    tags = [line.partition(": ")[2].split("-") for line in text.splitlines() if line.startswith("Tag: ")]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    name = re.sub(r"[-_.]+", "_", installed.name)
    wheel = folder / f"{name}-{installed.version}-{tag}.whl"
    with ZipFile(wheel, "w") as archive:
        for path in files:
            if ".." not in path.parts and "__pycache__" not in path.parts and path.name not in _INSTALLERS:
                archive.write(str(path.locate()), str(path))
    return wheel


def normal(name: str) -> str:
    """A name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


_INSTALLERS = ("INSTALLER", "REQUESTED", "direct_url.json")


def _requirements(installed: Distribution, extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for text in installed.requires or ():
        needs = Requirement(text)
        if needs.marker is None or any(needs.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield needs.name, tuple(needs.extras)
