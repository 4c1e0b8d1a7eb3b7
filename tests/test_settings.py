"""What is shown of settings, and what of the environment is refused."""

import json
import subprocess
import sys

import pytest
from rich.text import Text
from rich.tree import Tree

from engine.cli.exits import complain
from engine.cli.screen import screen, table
from engine.model.shown import printable, without_secrets
from tests.forked import tact

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
    "postgresql://ada:qxyzzy",
    "postgresql://ada:qx yzzy@db/tact",
    "postgresql://ada:qx#yzzy@db/tact",
    "postgresql://ada:qx?yzzy@db/tact",
    "postgresql://ada:12345qxyzzy@db:5432/tact",
    "postgresql+psycopg://ada:qxyzzy@db/tact",
    "host=db password=qx,yzzy",
    "host=db password=qx&yzzy user=ada",
    "host=db password=qx\\ yzzy user=ada",
    "host=db password='qx\\' yzzy' user=ada",
    "{'host': 'db', 'password': 'qx yzzy'}",
    '{"host":"db","password":"qx yzzy"}',
    "PGPASSWORD=qxyzzy tact serve",
    "Authorization: Bearer qxyzzyqxyzzy",
    "https://weather.example/?key=qxyzzy;x=1",
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
        "http://127.0.0.1:9090/metrics",
        "http://[::1]:9090/metrics",
        "TLS needs both a certificate and its key: --tls-cert and --tls-key",
        "campaigns.yaml:3:5: value: 'a' is no number",
        "tls_key: there is no such file",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    """A user's name, a host and a file are not masked."""
    assert without_secrets(text) == text


@pytest.mark.parametrize("text", FORMS[::6])
def test_no_command_shows_it(text: str) -> None:
    """Neither `tact settings`, nor serving with such a log."""
    shown = tact("settings", "--", "--log", text)
    served = tact("serve", "--log", text, "--rules", "nowhere")
    usage = [tact(*words) for words in (("serve", "--port", text), ("serve", text), (text,))]
    called = tact("health", text, "--timeout", "0.1")
    migrated = tact("migrate", "--log", text)
    output = "".join(done.stdout + done.stderr for done in (shown, served, *usage, called, migrated))
    assert "qx" not in output
    assert "yzzy" not in output


def test_messages_do_not_show_it() -> None:
    """In texts, in lists, in the text of an exception at level debug, from libraries and from threads."""
    script = """
import logging, sys, threading, structlog
from engine.server.logs import configure
configure(as_json=sys.argv[1] == "json", level="debug")
log = structlog.get_logger()
for text in sys.argv[2:]:
    def fail(text=text): raise ValueError(text)
    log.error("trouble with " + text, cause=text, causes=[text], more={"a": (text,)})
    try: fail()
    except ValueError: log.exception("failed")
    logging.getLogger("sqlalchemy").error("cannot reach %s", text, exc_info=ValueError(text))
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
fail()
"""
    for form in ("json", "text"):
        done = subprocess.run([sys.executable, "-c", script, form, *FORMS], check=False, stderr=-1, text=True)
        assert done.stderr.count("ValueError") == 3 * len(FORMS) + 1
        assert done.stderr.count("cannot reach") == len(FORMS)
        assert "qx" not in done.stderr
        assert "yzzy" not in done.stderr


CONTROLS = "a\x1b[31mb\nc\rd\te\x00f\x7fg\x85h\x9b0mi\u202ej\u2066k\u2028l\u200bm"


def test_characters_that_control_a_terminal_are_escaped() -> None:
    """C0, C1, line separators and changes of direction; letters, emoji and blanks of any script stay."""
    shown = printable(CONTROLS)
    assert shown.isprintable()
    assert json.loads(f'"{shown}"') == CONTROLS
    assert (
        printable("Dès 10\u00a0€ \U0001f469\u200d\U0001f52c 李娜")
        == "Dès 10\u00a0€ \U0001f469\u200d\U0001f52c 李娜"
    )


def test_no_message_controls_a_terminal() -> None:
    """One line a message, whatever a value holds; in JSON too."""
    script = """
import sys, structlog
from engine.server.logs import configure
configure(as_json=sys.argv[1] == "json")
structlog.get_logger().error(sys.argv[2], request_id=sys.argv[2], names=[sys.argv[2]])
"""
    text = CONTROLS.replace("\x00", "")
    for form in ("json", "text"):
        done = subprocess.run([sys.executable, "-c", script, form, text], check=False, stderr=-1, text=True)
        assert done.stderr.endswith("\n")
        assert done.stderr[:-1].isprintable()


def test_no_table_controls_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts in a line, in tables and in trees of results, and error lines."""
    monkeypatch.setenv("COLUMNS", "900")
    rows = table("what")
    rows.add_row(Text(CONTROLS))
    screen().print(rows)
    screen().print(Text(CONTROLS), CONTROLS, Tree(Text(CONTROLS.replace("\n", ""))))
    complain(CONTROLS)
    captured = capsys.readouterr()
    assert captured.err[:-1].isprintable()
    assert captured.out.replace("\n", "").isprintable()
    assert captured.out.count("\\u001b") == 4
    assert captured.out.count("\\u2028") == 4
    assert captured.out.count("\n") == 7


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
