"""The project's wheel, built from what the Dockerfile copies: complete, and installable by name."""

from pathlib import Path
from zipfile import ZipFile

from tests.docker.test_dockerfile import ROOT


def files_of(wheel: Path) -> set[str]:
    """The names in a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_every_module(wheel: Path) -> None:
    """Every Python file of engine/ and demo/ is in the wheel, the generated ones and the migrations among them."""
    packages = (ROOT / "engine", ROOT / "demo")
    here = {path.relative_to(ROOT).as_posix() for package in packages for path in package.rglob("*.py")}
    assert here - files_of(wheel) == set()
    assert any(name.startswith("engine/ledger/migrations/versions/") for name in here)


def test_it_holds_the_demo(wheel: Path) -> None:
    """The demo's people, its cities and its book are in the wheel."""
    held = files_of(wheel)
    assert {"demo/households.csv", "demo/cities.csv"} <= held
    book = {path.name for path in (ROOT / "rules" / "cosmetics-cn").glob("*.yaml")}
    assert {f"demo/book/{name}" for name in book} <= held


def test_it_holds_the_contract(wheel: Path) -> None:
    """The proto files that a client in another language needs are in the wheel."""
    protos = {path.relative_to(ROOT / "protos").as_posix() for path in (ROOT / "protos").rglob("*.proto")}
    assert "google/rpc/status.proto" in protos
    assert {f"engine/protos/{name}" for name in protos} <= files_of(wheel)


def test_it_holds_the_page_of_diagnostics(wheel: Path) -> None:
    """What `tact check --explain` prints is in the wheel."""
    assert "engine/cli/diagnostics.md" in files_of(wheel)


def test_it_brings_the_command(wheel: Path) -> None:
    """Installing it gives the command that the image's entry point names."""
    with ZipFile(wheel) as archive:
        (entries,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "tact = engine.cli:main" in archive.read(entries).decode()


def test_it_leaves_the_rest_out(wheel: Path) -> None:
    """Nothing but the two packages and their description is in the wheel."""
    assert {name.split("/")[0].split("-")[0] for name in files_of(wheel)} == {"demo", "engine", "tact"}
