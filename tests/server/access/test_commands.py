"""`tact token new` and `tact settings`."""

import json
import stat
from pathlib import Path

import pytest

from engine.server.access.callers_file import CallersFile
from engine.server.access.limits import Limits
from engine.server.access.roles import Role
from engine.settings import Settings
from tests.forked import tact
from tests.servers import faults_in

NEW = ("token", "new", "--name", "shop", "--role", "decide", "--role", "explain")


def test_a_token_is_printed_once_and_its_entry_is_what_the_server_reads() -> None:
    """What is printed to be added is a callers file that knows the token and its roles."""
    made = tact(*NEW, "--expires", "2999-01-01", "--json")
    printed = json.loads(made.stdout)
    assert printed["token"].startswith("tact_")
    assert printed["token"] not in printed["entry"]
    caller = CallersFile(Limits()).read(printed["entry"]).by_token(printed["token"], 0.0)
    assert caller.name == "shop"
    assert caller.roles == {Role.DECIDE, Role.EXPLAIN}
    assert caller.expires == 32_472_144_000.0


def test_without_a_file_the_token_and_what_to_add_are_printed() -> None:
    """The first line is the token, the rest can be put into the callers file as it is."""
    token, _, rest = tact(*NEW).stdout.partition("\n")
    assert CallersFile(Limits()).read(rest).by_token(token, 0.0).name == "shop"


def test_a_file_is_made_for_its_owner_and_added_to(tmp_path: Path) -> None:
    """The file is readable by its owner alone, keeps its comments and its mode, and knows both tokens."""
    path = tmp_path / "callers.toml"
    first = tact(*NEW, "--file", str(path)).stdout.strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("# ours\n" + path.read_text(), encoding="utf-8")
    path.chmod(0o640)
    second = tact(*NEW, "--file", str(path)).stdout.strip()
    text = path.read_text(encoding="utf-8")
    callers = CallersFile(Limits()).read(text)
    assert text.startswith("# ours\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert callers.by_token(first, 0.0) == callers.by_token(second, 0.0)
    assert first not in text
    assert [path.name for path in tmp_path.iterdir()] == ["callers.toml"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("token", "new", "--name", "a b", "--role", "decide"), 2, "name"),
        (("token", "new", "--name", "shop", "--role", "decid"), 2, "'decid' is not one of"),
        (("token", "new", "--name", "shop"), 2, "Missing option '--role'"),
        ((*NEW, "--expires", "tomorrow"), 2, "--expires needs a date or a time"),
        ((*NEW, "--expires", "2026-01-01", "--not-before", "2027-01-01"), 2, "after not_before"),
        ((*NEW, "--file", "/proc/none/callers.toml"), 1, "/proc/none/callers.toml"),
        (("settings", "--", "--port", "70000"), 2, "port"),
        (("settings", "--", "--prot", "7"), 2, "--prot"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], code: int, said: str) -> None:
    """A wrong option ends with its code and names itself, no traceback."""
    done = tact(*words)
    assert done.returncode == code
    assert said in done.stderr
    assert faults_in(done.stderr.splitlines()) == []
    assert "tact_" not in done.stdout


def test_a_broken_file_is_left_as_it_is(tmp_path: Path) -> None:
    """Nothing is added to a file that is no callers file, and no token is printed."""
    path = tmp_path / "callers.toml"
    path.write_text("[[token]]\n", encoding="utf-8")
    done = tact(*NEW, "--file", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "token: Extra inputs are not permitted" in done.stderr
    assert path.read_text(encoding="utf-8") == "[[token]]\n"


def test_settings_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option goes before the environment, that before the default; every setting is there, no password is."""
    monkeypatch.setenv("TACT_RATE", "5")
    monkeypatch.setenv("TACT_PORT", "1")
    monkeypatch.setenv("TACT_LOG", "postgresql://tact:secret@db/tact")
    done = tact("settings", "--json", "--", "--port", "7", "--insecure")
    settings = {
        name: (setting["value"], setting["source"]) for name, setting in json.loads(done.stdout).items()
    }
    assert set(settings) == {f"TACT_{name.upper()}" for name in Settings.model_fields}
    assert settings["TACT_PORT"] == (7, "option")
    assert settings["TACT_INSECURE"] == (True, "option")
    assert settings["TACT_RATE"] == (5.0, "environment")
    assert settings["TACT_LOG"] == ("postgresql://tact:***@db/tact", "environment")
    assert settings["TACT_HOST"] == ("127.0.0.1", "default")
    assert "secret" not in done.stdout


def test_settings_are_shown_to_people() -> None:
    """Without --json there is a line for each."""
    lines = tact("settings").stdout.splitlines()
    assert any(line.split() == ["TACT_HOST", "127.0.0.1", "default"] for line in lines)
