"""`tact check --log`: purposes that customers withdrew and the book does not name, on both stores."""

import json
from contextlib import closing
from pathlib import Path

import typer
from typer.testing import CliRunner

from engine.cli.check import check
from engine.cli.exits import OTHER, USAGE
from engine.ledger.queries import consents
from engine.ledger.store.open import open_store
from engine.model.customer import Consent
from tests.books import write_book
from tests.logs import Log

BOOK = """
book: {name: shop, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: news, on_silence: confirm}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms], stop: {converted: 30d}}}
"""
app = typer.Typer()
app.command()(check)


def test_purposes_of_withdrawals_that_the_book_does_not_name(any_log: Log, tmp_path: Path) -> None:
    """Purposes of no channel are told with their number of persons; those that were restored are not, nor the book's own."""
    with closing(open_store(any_log.url)) as store, store.transaction():
        consents.keep(
            store,
            {
                "ann": {"ads": Consent(5, None), "news": Consent(5, None), "*": Consent(5, None)},
                "bob": {"ads": Consent(5, 5), "channel:sms": Consent(5, None), "channel:fax": Consent(7, 6)},
                "eve": {"ads": Consent(5, 6), "calls": Consent(None, 6)},
            },
        )
    folder = str(write_book(tmp_path / "book", BOOK))
    result = CliRunner().invoke(app, [folder, "--log", any_log.url, "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["unnamed_purposes"] == {"ads": 2, "channel:fax": 1}
    output = CliRunner().invoke(app, [folder, "--log", any_log.url]).output
    lines = output[output.index("warning: ") :].splitlines()
    assert lines[0].startswith(
        "warning: in the log 2 persons withdrew from 'ads', which is no channel's consent"
    )
    assert lines[1].startswith("  hint: write consent: ads where it belongs")


def test_a_log_that_cannot_be_opened(tmp_path: Path) -> None:
    """A file that is not there is a mistake of the call; one that is no log, an error that says so. Nothing is made."""
    folder = str(write_book(tmp_path / "book", BOOK))
    missing = f"sqlite:///{tmp_path}/missing.db"
    result = CliRunner().invoke(app, [folder, "--log", missing])
    assert (result.exit_code, result.stderr) == (USAGE, f"tact: there is no log at {missing}\n")
    assert not (tmp_path / "missing.db").exists()
    (tmp_path / "no.db").write_text("this is no database, whatever its name says" * 100, encoding="utf-8")
    result = CliRunner().invoke(app, [folder, "--log", f"sqlite:///{tmp_path}/no.db"])
    assert result.exit_code == OTHER
    assert "no.db cannot be opened: file is not a database" in result.stderr
    result = CliRunner().invoke(app, [folder, "--log", "mysql://here"])
    assert (result.exit_code, result.stderr.startswith("tact: the log's URL must be")) == (USAGE, True)
