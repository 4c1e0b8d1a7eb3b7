"""The project's wheel, built from what the Dockerfile copies: complete, and installable by name."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.docker.dockerfile import read
from tests.docker.test_dockerfile import ROOT, copied


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the first stage's command makes of the copied files, without the other packages' wheels."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    build = read((ROOT / "Dockerfile").read_text(encoding="utf-8"))[0]
    for name in copied(build):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    (command,) = [one.words for one in build.all("RUN") if one.words[:2] == ["pip", "wheel"]]
    command = [str(made) if word == "/wheels" else word for word in command]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([sys.executable, "-m", *command, *offline], cwd=source, check=True, timeout=120)
    (one,) = made.glob("*.whl")
    return one


def files_of(wheel: Path) -> set[str]:
    """The names in a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_every_module(wheel: Path) -> None:
    """Every Python file of engine/ is in the wheel, the generated ones and the migrations among them."""
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "engine").rglob("*.py")}
    assert here - files_of(wheel) == set()
    assert any(name.startswith("engine/ledger/migrations/versions/") for name in here)


def test_it_holds_the_demo(wheel: Path) -> None:
    """The demo's people, its cities and its book are in the wheel."""
    held = files_of(wheel)
    assert {"engine/demo/households.csv", "engine/demo/cities.csv"} <= held
    book = {path.name for path in (ROOT / "rules" / "cosmetics-cn").glob("*.yaml")}
    assert {f"engine/demo/book/{name}" for name in book} <= held


def test_it_brings_the_command(wheel: Path) -> None:
    """Installing it gives the command that the image's entry point names."""
    with ZipFile(wheel) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "tact = engine.cli:main" in archive.read(entries).decode()


def test_it_leaves_the_rest_out(wheel: Path) -> None:
    """Nothing but the package and its description is in the wheel."""
    assert {name.split("/")[0].split("-")[0] for name in files_of(wheel)} <= {"engine", "tact"}
