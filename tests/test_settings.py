"""What is shown of settings, and what of the environment is refused."""

import pytest

from engine.settings import without_secrets
from tests.server.test_lifecycle import tact

FORMS = [
    "postgresql://ada:qxyzzy@db:5432/tact",
    "postgres://ada:qxyzzy@db,other/tact?sslmode=require",
    "postgresql://ada:qx@yzzy@db/tact",
    "postgresql://ada:qx/yzzy@db/tact",
    "postgresql://ada:qx:yzzy@db/tact",
    "postgresql://db/tact?user=ada&password=qxyzzy",
    "postgresql://db/tact?password=qxyzzy&sslmode=require",
    "postgresql://db/tact?sslpassword=qxyzzy",
    "postgresql://:qxyzzy@/tact?host=/run",
    "host=db user=ada password=qxyzzy",
    "host=db password = 'qx yzzy' user=ada",
    "sqlite://ada:qxyzzy@",
    "sqlite://ada:qxyzzy@host/file.db",
    "sqlite:ada:qxyzzy@host",
    "https://ada:qxyzzy@weather.example",
    "https://weather.example/?apikey=qxyzzy",
    "https://weather.example/?access_token=qxyzzy&x=1",
]


@pytest.mark.parametrize("text", FORMS)
def test_no_form_of_a_password_is_shown(text: str) -> None:
    """Nor any part of it."""
    shown = without_secrets(text)
    assert "qx" not in shown
    assert "yzzy" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///tact.db",
        "postgresql://ada@db:5432/tact",
        "https://weather.example/v1",
        "/etc/tact/server.key",
        "",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    """A user's name, a host and a file are not masked."""
    assert without_secrets(text) == text


@pytest.mark.parametrize("text", [text for text in FORMS if " " not in text])
def test_no_command_shows_it(text: str) -> None:
    """Neither `tact settings`, nor serving with such a log."""
    shown = tact("settings", "--", "--log", text)
    served = tact("serve", "--log", text, "--rules", "nowhere")
    output = shown.stdout + shown.stderr + served.stdout + served.stderr
    assert "qx" not in output
    assert "yzzy" not in output


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TACT_CALLER", "there is no setting TACT_CALLER; did you mean TACT_CALLERS?"),
        ("tact_client_caa", "did you mean TACT_CLIENT_CA?"),
        ("TACT_XYZZY", "there is no setting TACT_XYZZY"),
    ],
)
def test_a_misspelt_variable_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, words: str) -> None:
    """By every command that has settings, with the name that was meant."""
    monkeypatch.setenv(variable, "callers.toml")
    for command in (("settings",), ("serve", "--rules", "nowhere")):
        done = tact(*command)
        assert (done.returncode, words in done.stderr) == (2, True)


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of clients, and those that Kubernetes adds for a service by our name."""
    for name in (
        "TACT_TOKEN_FILE",
        "TACT_SERVICE_HOST",
        "TACT_SERVICE_PORT_GRPC",
        "TACT_PORT_50051_TCP_ADDR",
    ):
        monkeypatch.setenv(name, "x")
    assert tact("settings").returncode == 0
