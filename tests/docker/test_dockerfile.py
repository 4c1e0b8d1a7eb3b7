"""The Dockerfile keeps its promises, as far as they can be read from it."""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from engine.cli import app
from engine.settings import Settings
from tests.docker.dockerfile import Stage, read
from tests.docs.commands import commands_of

ROOT = Path(__file__).parents[2]
COMMANDS = commands_of(app)


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    return read((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def copied(stage: Stage) -> list[str]:
    """What the stage copies from the checkout."""
    instructions = [
        instruction.words for instruction in stage.all("COPY") if "--from=" not in instruction.rest
    ]
    return [source for words in instructions for source in words[:-1] if not source.startswith("--")]


def options_of(command: str) -> set[str]:
    """The options of a command, by all of their names."""
    return {name for parameter in COMMANDS[command].params for name in parameter.opts}


def test_the_compiler_stays_behind(stages: list[Stage]) -> None:
    """There are two stages of one slim image; only the first runs commands, a compiler among them."""
    build, final = stages
    assert build.image == final.image
    assert final.image.endswith("-slim")
    assert "gcc" in " ".join(instruction.rest for instruction in build.all("RUN"))
    assert final.all("RUN") == []


def test_what_is_copied_between_stages_was_made(stages: list[Stage]) -> None:
    """The second stage copies from the first by its name, and only what the first one made."""
    build, final = stages
    made = " ".join(instruction.rest for instruction in build.all("RUN"))
    for instruction in final.all("COPY"):
        assert f"--from={build.name}" in instruction.words
        source = next(word for word in instruction.words if not word.startswith("--"))
        assert source in made


def test_it_does_not_run_as_root(stages: list[Stage]) -> None:
    """The last stage names a numeric user that is not root, and that user owns /data."""
    final = stages[-1]
    user = final.only("USER").rest
    assert all(part.isdigit() and int(part) > 0 for part in user.split(":"))
    assert any(
        f"--chown={user}" in instruction.words and instruction.words[-1] == "/data"
        for instruction in final.all("COPY")
    )
    assert final.only("VOLUME").rest == "/data"


def test_the_command_exists(stages: list[Stage]) -> None:
    """ENTRYPOINT and CMD are a command of tact with options that it has, on the exposed port, and nothing against TLS."""
    final = stages[-1]
    assert final.only("ENTRYPOINT").words == ["tact"]
    command, *rest = final.only("CMD").words
    given = [word for word in rest if word.startswith("--")]
    assert command == "serve"
    assert set(given) <= options_of(command)
    assert rest[rest.index("--port") + 1] == final.only("EXPOSE").rest == str(Settings().port)
    assert {"--rules", "--log"} <= set(given)
    assert not {"--insecure", "--anyone"} & set(given)


def test_the_health_check_is_a_command(stages: list[Stage]) -> None:
    """HEALTHCHECK runs `tact health`, which exists and asks the port that is exposed."""
    words = stages[-1].only("HEALTHCHECK").rest.partition("CMD ")[2]
    assert words == '["tact", "health"]'
    assert options_of("health")
    shown = subprocess.run(
        [sys.executable, "-m", "engine.cli", "health", "--timeout", "0.05"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert f":{Settings().port}" in shown.stdout + shown.stderr


def test_settings_in_the_environment_exist(stages: list[Stage]) -> None:
    """Every TACT_ variable that the image sets is a setting."""
    named = [word.partition("=")[0] for instruction in stages[-1].all("ENV") for word in instruction.words]
    ours = {name for name in named if name.startswith("TACT_")}
    assert ours
    assert ours <= {f"TACT_{name.upper()}" for name in Settings.model_fields}


def test_what_is_copied_exists_and_is_sent(stages: list[Stage]) -> None:
    """What the build copies is in the checkout, and .dockerignore lets exactly that through."""
    sources = copied(stages[0])
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {line[1:] for line in rules if line.startswith("!")} == set(sources)
    assert fnmatch("engine/__pycache__", rules[-2])
