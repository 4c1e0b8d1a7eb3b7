"""`tact report fatigue`: what one contact more brings, recovered where those who are written to often buy more anyway."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.measure.report.build import Report
from engine.measure.report.comparable import NothingRecorded
from engine.measure.report.fatigue import FatigueQuestion, fatigue
from tests.books import write_book
from tests.measure.report.exports import (
    AS_OF,
    BEGIN,
    BOOK,
    DAY,
    HOUR,
    Export,
    book_of,
    covers,
    figure,
    micros,
    moments,
    names,
    offers,
    orders,
)

PERSONS = 24_000
BASE, GAIN, HARM = (0.02, 0.06, 0.10), (0.10, 0.06, 0.01), (0.00, 0.02, 0.05)
"""By contacts before: who converts anyway, who does for one contact more, and who complains of it."""


def tired() -> tuple[Export, np.ndarray]:
    """Persons with none, one or two mails in the week before one that a fifth is spared; the contacts before of each."""
    rng, export = np.random.default_rng(7), Export()
    persons, time, before = names("p", PERSONS), moments(rng, PERSONS, day=8), np.arange(PERSONS) % 3
    for number in (1, 2):
        earlier = before >= number
        written = time[earlier] - (7 - number) * DAY + HOUR
        order = np.argsort(written)
        everybody = np.ones(int(earlier.sum()), bool)
        offers(
            export, persons[earlier][order], written[order], everybody, number, campaign="oil", control=None
        )
    treated = rng.random(PERSONS) >= 0.2
    decisions = np.array(offers(export, persons, time, treated, 9), object)
    chance = np.array(BASE)[before] + treated * np.array(GAIN)[before]
    bought = rng.random(PERSONS) < chance
    orders(export, persons[bought], time[bought] + HOUR)
    complains = treated & (rng.random(PERSONS) < np.array(HARM)[before])
    export.add(
        "outcomes",
        event_id=names("c", int(complains.sum())),
        person=persons[complains],
        type="complained",
        time=time[complains] + 60,
        recorded_at=time[complains] + 60,
        decision_id=decisions[complains],
        campaign="cream",
    )
    return export, before


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The export of the tired persons."""
    export, _ = tired()
    return export.write(tmp_path_factory.mktemp("export"))


def answered(folder: Path, *campaigns: str) -> Report:
    """The report of contacts of the campaigns."""
    return fatigue(folder, book_of(), FatigueQuestion(campaigns), AS_OF)


def test_what_one_contact_more_brings_is_recovered(folder: Path) -> None:
    """By band: conversions fall and complaints rise, though those with more contacts convert more in the first table."""
    report = answered(folder, "cream")
    rows = {(row["contacts before"], row["outcome"]): row for row in report.grid("one_more").rows}
    assert {band for band, _ in rows} == {"0", "1", "2"}
    for band in range(3):
        gain = figure(rows[str(band), "converted"]["difference"])
        harm = rows[str(band), "complained"]["difference"]
        assert covers(gain, GAIN[band])
        assert abs((gain.value or 0) - GAIN[band]) < 0.02
        if band:
            assert covers(figure(harm), HARM[band])
        assert figure(rows[str(band), "converted"]["sent to"]).persons == pytest.approx(
            PERSONS * 0.8 / 3, rel=0.03
        )
    (section,) = report.sections
    assert any("'converted' differs" in warned.text for warned in section.warnings)
    responses = {row["contacts before"]: row for row in report.grid("responses").rows}
    clicked = [figure(responses[str(band)]["complained"]).value or 0 for band in range(3)]
    assert clicked == pytest.approx(HARM, abs=0.01)


def test_all_contacts_count_each_person_once_a_band(folder: Path) -> None:
    """The mails of the week before are in the first table, too, and only the controlled campaign in the second."""
    report = answered(folder)
    whole = [figure(row["persons"]).value for row in report.grid("responses").rows]
    assert whole[0] == pytest.approx(PERSONS * (2 / 3 + 0.8 / 3), rel=0.01)
    assert report.head.options["within"] == "7d"
    assert [row["outcome"] for row in report.grid("one_more").rows][:3] == [
        "converted",
        "complained",
        "unsubscribed",
    ]


def test_without_a_control_no_effect_is_shown(tmp_path: Path) -> None:
    """Then it says that people who differ are compared, and that nobody was spared."""
    export = Export()
    time = micros(BEGIN) + np.arange(300) * HOUR
    offers(export, names("p", 300), time, np.ones(300, bool), campaign="oil", control=None)
    (section,) = fatigue(export.write(tmp_path), book_of(), FatigueQuestion(), AS_OF).sections
    assert section.refusals == (
        "nobody was spared at random: what one contact more brings after so many others is not known",
    )
    assert section.charts == ()
    assert "compare people who differ" in section.warnings[0].text


def test_few_persons_are_not_shown_and_young_contacts_not_counted(tmp_path: Path) -> None:
    """A band of 19 persons has no figure; a contact of an hour ago has no response yet."""
    export = Export()
    time = micros(BEGIN) + np.arange(19) * HOUR
    offers(export, names("p", 19), time, np.ones(19, bool))
    young = micros(AS_OF) - HOUR + np.arange(50)
    offers(export, names("q", 50), young, np.ones(50, bool), 1)
    (section,) = fatigue(export.write(tmp_path), book_of(), FatigueQuestion(), AS_OF).sections
    (row,) = section.grids[0].rows
    assert {cell.refused for cell in row.values() if not isinstance(cell, str)} == {"fewer than 20 persons"}
    assert section.computations[1].exclusions.startswith("50 contacts that are not yet 7 days old")


def test_command(tmp_path: Path, folder: Path) -> None:
    """It prints, writes its forms, and names what was meant; nothing sent is said."""
    rules = write_book(tmp_path / "book", BOOK)
    (folder / "manifest.json").write_text(
        '{"complete": true, "format": 2, "attribution": "", "credited_from": "", "tables": {}}'
    )

    def run(*options: str) -> tuple[int, str]:
        given = ("report", "fatigue", "--rules", str(rules), "--as-of", f"{AS_OF:%Y-%m-%d}", *options)
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, given)
        return result.exit_code, result.output

    code, text = run(
        "--export", str(folder), "--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")
    )
    assert code == 0, text
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert document["sections"][0]["name"] == "fatigue"
    assert "What one contact more brings" in (tmp_path / "r.html").read_text(encoding="utf-8")
    code, text = run("--export", str(folder), "--campaign", "craem")
    assert (code, "did you mean cream?" in text) == (1, True)
    assert run("--export", str(folder), "--within", "0d")[0] == 2


def test_nothing_sent_is_said(tmp_path: Path) -> None:
    """A log whose only contacts are on pages."""
    export = Export()
    export.add(
        "decisions",
        decision_id="00000000-0000-7000-8000-000000000001",
        person="p",
        time=micros(BEGIN),
        recorded_at=micros(BEGIN),
        outcome="nothing",
        more_candidates=0,
    )
    with pytest.raises(NothingRecorded, match="nothing was sent"):
        fatigue(export.write(tmp_path), book_of(), FatigueQuestion(), AS_OF)
