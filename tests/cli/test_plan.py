"""`tact plan`: from a log's own figures on either store, and from a rate alone."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.ledger.store.open import migrate_log
from engine.measure import plan as planned
from tests.logs import Log

DAY = 86_400_000_000
START = 1_767_225_600_000_000
CAMPAIGN = "it's cream"


def plan(*words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["plan", *words])


def contact(person: int, day: float, state: str, campaign: str = CAMPAIGN) -> str:
    """A row of `contacts`."""
    name = campaign.replace("'", "''")
    at = START + int(day * DAY)
    return (
        f"('p{person}', {at}, 'd{person}-{day}', 0, '{state}', 'email', 'outbound', '{name}', 'o', 'c', '[]')"
    )


def outcome(
    person: str, day: float, event: str, value: str = "10", kind: str = "converted", order: str = "NULL"
) -> str:
    """A row of `outcomes`."""
    at = START + int(day * DAY)
    return f"('{person}', '{kind}', {at}, '{event}', {at}, '', '', '', '', {value}, 'EUR', '{{}}', {order})"


def fill(log: Log) -> None:
    """Eight weeks with 100 new persons a week, a quarter of them control; every tenth orders, once in time."""
    migrate_log(log.url)
    contacts, outcomes = [], []
    for person in range(800):
        day = person // 100 * 7
        contacts.append(contact(person, day, "shadow" if person % 4 == 0 else "confirmed"))
        contacts.append(contact(person, day + 3, "confirmed"))  # the first contact decides the arm
        if person % 10 == 0:
            outcomes.append(outcome(f"p{person}", day + 1, f"e{person}", order=f"'o{person}'"))
            outcomes.append(
                outcome(f"p{person}", day + 2, f"f{person}", order=f"'o{person}'")
            )  # the same order again
            outcomes.append(outcome(f"p{person}", day + 8, f"g{person}"))  # too late
            outcomes.append(outcome(f"p{person}", day - 1, f"h{person}"))  # too early
            outcomes.append(outcome(f"p{person}", day + 2, f"r{person}", "4", "refunded", f"'o{person}'"))
    contacts.append(contact(5_000, 1, "confirmed", "another"))
    outcomes.append(outcome("cookie", 1, "linked"))  # of p1, under the name that was linked later
    log.execute(
        "insert into contacts (person, at, decision_id, position, state, channel, kind, campaign, offer, category, tags)"
        " values " + ", ".join(contacts),
        "insert into outcomes (person, type, at, event_id, recorded_at, channel, campaign, offer, variant, value, currency,"
        " fields, order_id) values " + ", ".join(outcomes),
        f"insert into identities (name, person, linked_at, source) values ('cookie', 'p1', {START}, 'link')",
        "insert into decisions (decision_id, person, at, book_version, outcome, inputs, trace, answer) values"
        f" ('d', 'p', {START + 56 * DAY}, 'v', 'nothing', '{{}}', '{{}}', '[]')",
    )


def test_it_starts_from_the_figures_of_the_log(any_log: Log) -> None:
    """The control's rate, its share and the new persons of the last four weeks; who came too late is not in it."""
    fill(any_log)
    result = plan("--log", any_log.url, "--campaign", CAMPAIGN, "--effect", "20%", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["mean"] == pytest.approx(40 / 200)  # persons 0, 20, … of the control's 0, 4, 8, …
    assert document["control_share"] == pytest.approx(0.25)
    assert document["weekly"] == pytest.approx(75)  # persons of day 28 are a little older than four weeks
    fixed = planned(0.2, rate=0.2, relative=True, ratio=3)
    assert document["fixed"]["persons"] == fixed.total
    assert document["fixed"]["weeks"] == pytest.approx(fixed.total / 75)
    assert len(document["fixed"]["smallest_effects"]) == 12
    assert document["always_valid"]["persons"] > 2 * fixed.total
    text = plan("--log", any_log.url, "--campaign", CAMPAIGN, "--effect", "20%").output
    assert "it's cream: 20.000% convert within 7d, of 200 control persons; 75 new persons a week" in text
    assert f"by one look at the end: {fixed.total:,} persons" in text


def test_sums_are_planned_with_their_spread(any_log: Log) -> None:
    """Value a person counts each order once, less its refund, and nothing outside the window."""
    fill(any_log)
    words = ("--log", any_log.url, "--campaign", CAMPAIGN, "--effect", "0.5", "--json")
    value = json.loads(plan(*words, "--metric", "value").stdout)
    orders = json.loads(plan(*words, "--metric", "orders").stdout)
    assert value["mean"] == pytest.approx(0.2 * (10 - 4))
    assert value["variance"] == pytest.approx(36 * 0.2 * 0.8 * 200 / 199)
    assert orders["mean"] == pytest.approx(0.2)
    assert value["fixed"]["persons"] == planned(0.5, variance=value["variance"], ratio=3).total


def test_what_the_log_does_not_say_is_refused(any_log: Log) -> None:
    """A campaign that it does not know, and persons who all did the same."""
    fill(any_log)
    unknown = plan("--log", any_log.url, "--campaign", "crema", "--effect", "5%")
    assert (unknown.exit_code, "the log has no contact of a campaign 'crema'" in unknown.output) == (1, True)
    flat = plan("--log", any_log.url, "--campaign", "another", "--effect", "5%")
    assert (flat.exit_code, "too little is known of another" in flat.output) == (1, True)


def test_a_rate_alone() -> None:
    """Without a log: persons, and weeks where new persons a week are given."""
    text = plan("--rate", "3%", "--effect", "5%", "--share", "10%", "--weekly", "5000").output
    total = planned(0.05, rate=0.03, relative=True, ratio=9).total
    assert f"{total:,} persons" in text
    assert f"{total / 5000:,.1f} weeks" in text
    assert "│    12 │" in text.replace("|", "│")
    alone = json.loads(plan("--rate", "3%", "--effect", "0.002", "--json").stdout)
    assert alone["fixed"]["weeks"] is None
    assert alone["relative"] == pytest.approx(0.0667, abs=1e-4)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--effect", "5%"), "name a campaign with --campaign, or the control's rate with --rate"),
        (("--rate", "3", "--effect", "5%"), "--rate 3: not a percentage"),
        (("--rate", "3%", "--effect", "much"), "--effect much: neither a percentage nor a number"),
        (("--rate", "3%", "--effect", "nan"), "--effect nan: neither a percentage nor a number"),
        (("--rate", "3%", "--effect", "0"), "an effect of 0"),
        (
            ("--rate", "3%", "--effect", "1e-300"),
            "an effect of 1e-300 is never seen: it takes more than 1,000,000,",
        ),
        (("--rate", "3%", "--effect", "1e-9"), "an effect of 1e-09 is never seen"),
        (("--rate", "3%", "--campaign", "c", "--effect", "5%"), "--rate is in place of --campaign"),
        (("--rate", "3%", "--effect", "5%", "--share", "100%"), "--share 100%: not a percentage"),
        (("--rate", "3%", "--effect", "5%", "--power", "2"), "power and level lie between 0 and 1"),
        (("--campaign", "c", "--effect", "5%", "--metric", "clicks"), "--metric clicks: it is converted"),
        (("--campaign", "c", "--effect", "5%", "--window", "week"), "--window week: not a duration"),
        (("--campaign", "c", "--effect", "5%", "--log", "sqlite:////nowhere/tact.db"), "there is no log"),
    ],
)
def test_usage(words: tuple[str, ...], message: str) -> None:
    """Mistakes end with exit code 2 and the likely fix."""
    result = plan(*words)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.output.split())


def test_without_the_extra_it_says_what_to_install() -> None:
    """Where numpy is not installed the command names the extra."""
    script = "import sys; sys.modules['numpy'] = None; sys.modules['scipy'] = None; import engine.cli; engine.cli.main()"
    words = [sys.executable, "-c", script, "plan", "--rate", "3%", "--effect", "5%"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "install tact[measure]" in result.stderr
