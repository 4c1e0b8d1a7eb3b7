"""`tact migrate`: forward, back, and what cannot be done, on both stores."""

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.ledger.migrate import forms
from tests.logs import Log

NEWEST = forms()[-1]


def migrate(*words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["migrate", *words])


def form_of(log: Log) -> str:
    """What the log says of itself."""
    ((form,),) = log.rows("select version_num from alembic_version")
    return str(form)


def test_tables_are_made_and_left_alone(any_log: Log) -> None:
    """It ends with the newest form, and says its name; a second time there is nothing to do."""
    for _ in range(2):
        done = migrate("--log", any_log.url)
        assert (done.exit_code, done.output) == (0, f"the log has form {NEWEST}\n")
        assert form_of(any_log) == NEWEST
        assert any_log.rows("select count(*) from decisions") == [(0,)]


def test_every_form_can_be_gone_back_to(any_log: Log) -> None:
    """Back through each form to the first, and forward again, decisions stay."""
    migrate("--log", any_log.url)
    columns = "decision_id, person, at, book_version, outcome, inputs, trace, answer"
    any_log.execute(
        f"insert into decisions ({columns}) values ('d', 'ann', 7, 'v', 'nothing', '{{}}', '{{}}', '[]')"
    )
    for form in (*forms()[-2::-1], NEWEST):
        done = migrate("--log", any_log.url, "--to", form)
        assert (done.exit_code, form_of(any_log)) == (0, form), done.output
    assert any_log.rows("select decision_id from decisions") == [("d",)]


def test_a_form_that_there_is_not(any_log: Log) -> None:
    """Its name is refused, with those that there are."""
    done = migrate("--log", any_log.url, "--to", "9999")
    assert done.exit_code == 2
    assert f"there is no form '9999'; there are {forms()[0]}, " in done.output


def test_a_log_of_a_newer_version_is_refused(any_log: Log) -> None:
    """Neither the command nor a server touches it, and both say why."""
    migrate("--log", any_log.url)
    any_log.execute("update alembic_version set version_num = '9999'")
    done = migrate("--log", any_log.url)
    assert done.exit_code == 1
    assert "form 9999, which this version does not know" in done.output
    assert form_of(any_log) == "9999"


@pytest.mark.parametrize(("url", "code"), [("nonsense", 2), ("sqlite:////proc/no/tact.db", 1)])
def test_what_is_wrong_with_the_log_is_said(url: str, code: int) -> None:
    """A wrong URL is a usage error, a log that cannot be made the other kind; neither shows a traceback."""
    done = migrate("--log", url)
    assert done.exit_code == code
    assert done.output.startswith("tact: ")
