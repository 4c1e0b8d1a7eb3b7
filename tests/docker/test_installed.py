"""The Dockerfile's steps, run: what it installs, in a clean virtual environment, and what it starts there."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.client import Client
from tests.books import write_book
from tests.docker.dockerfile import Stage, read
from tests.docker.test_dockerfile import ROOT
from tests.docker.wheels import needed, normal, pack_requirements
from tests.requests import li_na
from tests.telemetry.shown import free_port

STAGES = read((ROOT / "Dockerfile").read_text(encoding="utf-8"))
EXTRAS = re.findall(r"'tact\[([a-z,]+)\]'", str(STAGES[0].instructions))[0].split(",")
"""The extras that the image has."""


@dataclass(frozen=True)
class Image:
    """A folder that stands for the image's file system, and the stage that is run there."""

    root: Path
    stage: Stage

    @property
    def environment(self) -> dict[str, str]:
        """What the stage sets, and nothing of ours."""
        words = [
            word.partition("=")[::2] for instruction in self.stage.all("ENV") for word in instruction.words
        ]
        there = {
            name: value.replace("/opt", f"{self.root}/opt").replace("$PATH", os.defpath)
            for name, value in words
        }
        return {**there, "HOME": "/nonexistent", "TMPDIR": str(self.root / "tmp")}

    def command(self, port: int) -> list[str]:
        """What the container starts, in this folder and on this port."""
        words = [*self.stage.only("ENTRYPOINT").words, *self.stage.only("CMD").words]
        there = [word.replace("sqlite:////data", f"sqlite:///{self.root}/data") for word in words]
        return [{"/rules": f"{self.root}/rules", "50051": str(port)}.get(word, word) for word in there]

    def files(self) -> set[tuple[str, int]]:
        """Every file outside /data and when it was written; compiled modules are left out, which nobody needs to keep."""
        kept = [path for path in self.root.rglob("*") if path.is_file() and path.suffix != ".pyc"]
        return {
            (str(path), path.stat().st_mtime_ns) for path in kept if self.root / "data" not in path.parents
        }


@pytest.fixture(scope="module")
def image(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """What the first stage's steps make of the wheels: a virtual environment and the list of what is in it."""
    root = tmp_path_factory.mktemp("image")
    for name in ("wheels", "opt", "tmp"):
        (root / name).mkdir()
    shutil.copy(wheel, root / "wheels")
    pack_requirements(root / "wheels", "tact", *EXTRAS)
    build, final = STAGES
    install, listing = [instruction.rest for instruction in build.all("RUN")][-2:]
    assert "pip --python" in install
    fetch, _, make_list = listing.partition("&&")
    assert fetch.split()[:2] == ["pip", "install"]
    for step in (install, f"{make_list} --no-validate"):
        _run(step, root)
    write_book(root / "rules")
    return Image(root, final)


def _run(step: str, root: Path) -> None:
    """Runs a step as a shell would in the image, with the folder in place of its file system."""
    for path in ("/opt/", "/wheels", "/data"):
        step = step.replace(f" {path}", f" {root}{path}")
    words = ["sh", "-ec", step]
    done = subprocess.run(
        words, cwd=ROOT, env=_OURS, capture_output=True, text=True, check=False, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr


_OURS = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.defpath}", "PIP_NO_COMPILE": "1"}
"""Where python, pip and cyclonedx-py are those of the tests."""


@pytest.fixture
def served(image: Image) -> Iterator[str]:
    """The container's start command as it stands, told that the network may be trusted; its address."""
    port = free_port()
    environment = {**image.environment, "TACT_INSECURE": "true", "TACT_ANYONE": "true"}
    process = subprocess.Popen(
        image.command(port), env=environment, cwd="/", stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert json.loads(said or "{}").get("event") == "listening", said
    yield f"127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()


def test_it_starts_serves_and_is_healthy(image: Image, served: str) -> None:
    """The start command serves the mounted book, the health check says so, and nothing is written but to /data."""
    before = image.files()
    check = image.stage.only("HEALTHCHECK").rest.partition("CMD ")[2]
    healthy = subprocess.run(
        [*json.loads(check), served, "--timeout", "30"],
        env=image.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (healthy.returncode, healthy.stdout) == (0, "SERVING\n"), healthy.stderr
    with Client(served, timeout=60) as client:
        assert client.decide(li_na()).decision_id
    assert image.files() == before
    assert (image.root / "data" / "tact.db").exists()


def test_it_can_send_what_it_counts(image: Image) -> None:
    """The exporters are in the image: told of a collector in a wrong way, it says so, and not that they lack."""
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_METRIC_EXPORT_INTERVAL": "often"}
    trusting = {"TACT_INSECURE": "true", "TACT_ANYONE": "true"}
    done = subprocess.run(
        image.command(free_port()),
        env={**image.environment, **trusting, **collector},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "OTEL_METRIC_EXPORT_INTERVAL is 'often'" in done.stderr


def test_as_it_stands_it_is_not_open_to_everybody(image: Image) -> None:
    """Without TLS and callers, and without being told that they are not needed, the start command refuses."""
    done = subprocess.run(
        image.command(free_port()),
        env=image.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "is not loopback and there is no TLS" in done.stderr


def test_the_list_is_what_is_installed_and_pinned(image: Image) -> None:
    """sbom.cdx.json is CycloneDX about Tact, and names exactly the packages that it needs, in the pinned versions."""
    listed = json.loads((image.root / "opt" / "tact" / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert (listed["bomFormat"], listed["metadata"]["component"]["name"]) == ("CycloneDX", "tact")
    components = {normal(component["name"]): component["version"] for component in listed["components"]}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {normal(name): version for name, _, version in (line.partition("==") for line in lines)}
    wanted = {name: pinned[name] for name in needed("tact", *EXTRAS) if name != "tact"}
    assert components == wanted
