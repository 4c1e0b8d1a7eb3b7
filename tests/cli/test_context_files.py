"""Context files of `tact decide`: read as scenarios are, and refused in the form of `tact check`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.cli.connect import Access
from engine.client.access import metadata_of
from engine.decide.compiled import CompiledBook, compile_book
from engine.rulebook.load import load
from engine.rulebook.report.diagnostics import render
from engine.scenario.context_file import load_context
from engine.scenario.read import load_scenario_files
from engine.server.access.tokens import check

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "rules" / "cosmetics-cn"


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book with its own clock, in China."""
    book = load(BOOK).book
    assert book is not None
    return compile_book(book)


def written(folder: Path, text: str | bytes, name: str = "ada.yaml") -> Path:
    """A context file with the text."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize("now", ["2026-03-10T10:00", "2026-03-10T10:00+08:00", "2026-03-10T02:00Z"])
def test_a_moment_without_a_zone_is_on_the_books_clock(
    now: str, compiled: CompiledBook, tmp_path: Path
) -> None:
    """As in scenarios: ten o'clock in a book of China is two o'clock in UTC."""
    loaded = load_context(written(tmp_path, f"customer: ada\nnow: {now}\n"), compiled)
    assert loaded.given is not None, render(loaded.diagnostics)
    assert loaded.given.message.now.ToJsonString() == "2026-03-10T02:00:00Z"


def test_empty_lists_mappings_and_nulls_are_unknown(compiled: CompiledBook, tmp_path: Path) -> None:
    """What is written out as empty is as good as left out."""
    text = (
        "customer: ada\nconsents: []\npreferred_channels: []\nchannels: null\nevents: []\nweather: {}\n"
        "location: null\nprofile: {first_name: null, wechat_openid: openid-1}\nplacement: null\nnow: null\n"
    )
    loaded = load_context(written(tmp_path, text), compiled)
    plain = load_context(
        written(tmp_path, "customer: ada\nprofile: {wechat_openid: openid-1}\n", "plain.yaml"), compiled
    )
    assert loaded.given is not None, render(loaded.diagnostics)
    assert loaded.given == plain.given


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", "1:1: empty: the file holds no customer"),
        ("# nobody\n", "1:1: empty: the file holds no customer"),
        ("null", "1:1: empty: the file holds no customer"),
        ("{}", "1:1: missing: `customer` is missing"),
        ("[]", "1:1: type: the context must be a mapping"),
        ("ada", "1:1: type: the context must be a mapping"),
        ("customer: ada\nweather:\n", "2:9: empty: a key or an item without a value"),
        ("customer: Zo\xeb".encode("latin-1"), "1:13: encoding: the byte 0xEB is not UTF-8"),
        ("customer: ada\nnow: 31/12/2026\n", "2:6: value: '31/12/2026': not a time"),
        ("customer: ada\nmode: previw\n", "2:7: value: `mode` cannot be 'previw'"),
        ("customer: ada\nevents: [{type: view, at: yesterday}]\n", "2:27: value: events[0].at: 'yesterday'"),
        ('{"customer": "ada",\n "profile": {"first_name": 3}}', "2:28: value: profile.first_name: "),
    ],
)
def test_what_is_wrong_is_reported_once_with_line_and_column(
    text: str | bytes, printed: str, compiled: CompiledBook, tmp_path: Path
) -> None:
    """One diagnostic for each mistake, at its place, in YAML and in JSON."""
    file = written(tmp_path, text)
    loaded = load_context(file, compiled)
    assert loaded.given is None
    assert len(loaded.diagnostics) == 1, render(loaded.diagnostics)
    assert render(loaded.diagnostics).startswith(f"{file}:{printed}")


TYPOS = """\
customer: ada
profile: {first_nam: Ada, profile.first_name: Ada, city: Harbin, consents: [wechat]}
weather.temperature_c: 3
consent: [wechat]
consents: [wechatt]
"""


def test_typos_get_the_name_that_was_meant(compiled: CompiledBook, tmp_path: Path) -> None:
    """Attributes, keys and consents that the book does not have; also names below the wrong key."""
    loaded = load_context(written(tmp_path, TYPOS), compiled)
    hints = {(diagnostic.line, diagnostic.column): diagnostic.hint for diagnostic in loaded.diagnostics}
    assert hints == {
        (2, 11): "did you mean 'profile.first_name'?",
        (2, 27): "it is below profile already: write first_name",
        (2, 52): "write it below location",
        (2, 66): "write it beside profile, not below it",
        (3, 1): "write weather: {temperature_c: …}",
        (4, 1): "did you mean 'consents'?",
        (5, 12): "did you mean 'wechat'?",
    }


def test_scenarios_report_the_same_typos(compiled: CompiledBook, tmp_path: Path) -> None:
    """A customer of scenarios and a context file are read by the same code."""
    customer = "".join(f"    {line}\n" for line in TYPOS.splitlines())
    scenarios = load_scenario_files({"t.yaml": f"customers:\n  ada:\n{customer}".encode()}, compiled)
    context = load_context(written(tmp_path, TYPOS), compiled)
    reported = [
        (diagnostic.code, diagnostic.message, diagnostic.hint) for diagnostic in scenarios.diagnostics
    ]
    assert reported == [
        (diagnostic.code, diagnostic.message, diagnostic.hint) for diagnostic in context.diagnostics
    ]


def test_json_may_escape_any_character(compiled: CompiledBook, tmp_path: Path) -> None:
    """Python and JavaScript write emoji as pairs of escapes; an escaped backslash before `u` is none."""
    document = {"customer": "ada", "profile": {"first_name": "🦊 \\ud83e\\udd8a"}}
    loaded = load_context(written(tmp_path, json.dumps(document), "ada.json"), compiled)
    assert loaded.given is not None, render(loaded.diagnostics)
    name = loaded.given.message.context.profile.attributes["first_name"].text
    assert name == "🦊 \\ud83e\\udd8a"


@pytest.mark.parametrize("command", ["decide", "explain"])
def test_commands_print_the_excerpt_and_end_with_2(command: str, tmp_path: Path) -> None:
    """On standard error, as `tact check` prints mistakes."""
    file = written(tmp_path, '{"customer": "ada",\n "profile": {"first_nam": "Ada"}}', "ada.json")
    result = CliRunner().invoke(app, [command, str(BOOK), "--context", str(file)])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f"{file}:2:14: unknown: the book declares no attribute 'profile.first_nam'\n"
        '     "profile": {"first_nam": "Ada"}}\n'
        "                 ^\n"
        "    did you mean 'profile.first_name'?\n"
        f"tact: {file} does not load\n"
    )


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_reported_in_the_same_form(name: str, tmp_path: Path) -> None:
    """No traceback, no other style."""
    file = tmp_path / name
    result = CliRunner().invoke(app, ["decide", str(BOOK), "--context", str(file)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{file}:1:1: file: the file cannot be read: ")


IDS = ["li-na", "wang wei", "茶"]


@pytest.mark.parametrize(
    "content",
    [
        "li-na\nwang wei\n茶\n".encode(),
        "\ufeffli-na\r\nwang wei\r\n茶".encode(),
        "\n\n  li-na \t\n\n\u00a0wang wei\u3000\n   \n茶\n\n".encode(),
        "li-na\rwang wei\r茶\r".encode(),
        "\ufeffli-na\n\ufeffwang wei\n\u200b茶\n".encode(),
    ],
)
def test_buckets_reads_ids_as_programs_write_them(content: bytes, tmp_path: Path) -> None:
    """A byte order mark, any ends of lines, blank lines and blanks around ids make no difference."""
    file = written(tmp_path, content, "ids.txt")
    result = CliRunner().invoke(app, ["buckets", str(BOOK), "--file", str(file), "--json"])
    assert result.exit_code == 0, result.output
    assert [json.loads(line)["customer"] for line in result.stdout.splitlines()] == IDS


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        ("li-na\r\n".encode("utf-16"), ":1:1: the file is in UTF-16 or UTF-32; save it as UTF-8"),
        (b"li-na\nZo\xeb\n", ":2:3: the byte 0xEB is not UTF-8; in Latin-1 (Windows-1252) it is 'ë'; save"),
    ],
)
def test_buckets_names_the_line_that_is_no_utf8(content: bytes, printed: str, tmp_path: Path) -> None:
    """With what to do about it."""
    file = written(tmp_path, content, "ids.txt")
    result = CliRunner().invoke(app, ["buckets", str(BOOK), "--file", str(file), "--json"])
    assert result.exit_code == 2
    assert f"tact: {file}{printed}" in result.stderr


def test_files_of_callers_and_tokens_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Editors on Windows write one: the entry is appended, and the token is sent without it."""
    callers = written(tmp_path, "\ufeff# Who may call\r\n", "callers.toml")
    arguments = ["token", "new", "--name", "shop", "--role", "decide", "--file", str(callers)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert callers.read_bytes().startswith(b"# Who may call")
    check(callers.read_text(encoding="utf-8"))
    token = written(tmp_path, f"\ufeff{result.stdout.strip()}\r\n", "token.txt")
    with Access(token_file=token).client("127.0.0.1:1", 1.0) as client:
        assert metadata_of(client._token) == (("authorization", f"Bearer {result.stdout.strip()}"),)
