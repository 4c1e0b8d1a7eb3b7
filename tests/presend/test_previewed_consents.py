"""A preview with a log heeds what people withdrew, and object to, as the send does."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.model.event import Event
from engine.privacy.erasure import EraseCommand
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from engine.privacy.record import present
from tests.books import compiled_book
from tests.logs import Log

BOOK = """
book: {name: heeded, timezone: Europe/Paris, salt: s}
attributes: {profile.phone: {type: text}, profile.city: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: news, on_silence: confirm}
offers:
  cream: {name: Cream, value: 5, content: {default: {text: Cream}}}
  tea: {name: Tea, value: 1, content: {default: {text: Tea}}}
campaigns:
  lyon: {offer: cream, channels: [sms], when: {profile.city: Lyon}}
  plain: {offer: tea, channels: [sms], personalised: false}
"""

NAMES = ("free", "withdrew", "objects", "objects-as-device", "was-erased", "agreed-again", "unknown")


@pytest.fixture
def folder(tmp_path: Path, any_log: Log) -> Path:
    """A book, seven people, and a log in which some of them said something."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    now = present()
    actor = PrivacyActor("officer", "log", now)

    def said(name: str, kind: str, at: int) -> ReportCommand:
        return ReportCommand(compiled, name, "", Event(f"{kind}-{name}", kind, at), at, channel="sms")

    commands: Sequence[Any] = (
        said("withdrew", "unsubscribed", now - 9),
        ObjectionCommand("objects", "news", True, "", actor),
        LinkCommand(("objects-as-device", "somebody-else"), now - 9),
        ObjectionCommand("somebody-else", "*", True, "", actor),
        said("was-erased", "unsubscribed", now - 9),
        EraseCommand("was-erased", "", "officer", "log", lambda: now - 8),
        said("agreed-again", "unsubscribed", now - 9),
        said("agreed-again", "subscribed", now - 7),
    )
    with closing(open_store(any_log.url)) as store:
        for command in commands:
            (result,) = commit_group(store, [command])
            assert not isinstance(result, Exception), result
    rows = [
        {"customer": name, "profile": {"phone": "1", "city": "Lyon"}, "consents": ["news"]} for name in NAMES
    ]
    (tmp_path / "people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def run(folder: Path, *words: str) -> Any:
    """What the command prints, as JSON."""
    command = ["presend", str(folder / "book"), str(folder / "people.jsonl"), *words, "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def offers(document: Any) -> dict[str, int]:
    """By campaign, how many offers."""
    return {form["campaign"]: form.get("offers", form.get("people")) for form in document["forms"]}


def test_a_preview_with_a_log_is_what_the_send_does(folder: Path, any_log: Log) -> None:
    """Who withdrew gets nothing, also after an erasure; who objects, under any name, what is not personalised."""
    previewed = run(folder, "--preview", "--log", any_log.url)
    assert offers(previewed) == {"lyon": 3, "plain": 2}
    assert previewed["outcomes"]["blocked"] == 2
    assert previewed["consents_of_log"] == 5
    assert previewed["lanes"]["columns"] == len(NAMES)
    shared = run(folder, "--preview", "--log", any_log.url, "--scarce", "order")
    assert offers(shared) == offers(previewed)
    sent = run(folder, "--log", any_log.url, "--out", str(folder / "out"))
    assert offers(sent) == offers(previewed)
    assert sent["outcomes"]["blocked"] == 2


def test_a_preview_without_a_log_says_that_it_knows_of_nobody(folder: Path) -> None:
    """Everybody gets what fits, and the answer says why."""
    previewed = run(folder, "--preview")
    assert offers(previewed) == {"lyon": len(NAMES)}
    assert previewed["consents_of_log"] is None
    command = ["presend", str(folder / "book"), str(folder / "people.jsonl"), "--preview"]
    assert "nobody has withdrawn or objects" in " ".join(CliRunner().invoke(app, command).output.split())
