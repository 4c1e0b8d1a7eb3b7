"""The project's wheel, as the Dockerfile's first stage makes it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.dockerfile import read
from tests.docker.test_dockerfile import ROOT, copied


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that the first stage's command makes of the copied files, without the other packages' wheels."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    build = read((ROOT / "Dockerfile").read_text(encoding="utf-8"))[0]
    for name in copied(build):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    (command,) = [
        instruction.words for instruction in build.all("RUN") if instruction.words[:2] == ["pip", "wheel"]
    ]
    command = [str(made) if word == "/wheels" else word for word in command]
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([sys.executable, "-m", *command, *offline], cwd=source, check=True, timeout=120)
    (wheel_file,) = made.glob("*.whl")
    return wheel_file
