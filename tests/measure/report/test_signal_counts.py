"""What counts for and against a signal, and when nothing is said to be saved: small exports whose figures are known."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from engine.measure.report.build import Report
from engine.measure.report.comparable import NothingRecorded
from engine.measure.report.figures import Figure
from engine.measure.report.signal_counts import PrecededArms, SavedCounts, SignalCounts, SignalsQuestion
from engine.measure.report.signal_rates import untreated_recall
from engine.measure.report.signals import signals
from engine.rulebook.model.book import Book
from tests.measure.report.exports import AS_OF, BEGIN, DAY, HOUR, Export, book_of, ids, micros
from tests.measure.report.test_signals import BOOK

CONTROLLED = book_of(BOOK.replace("CONTROL", "control: 30%"))
Offer: TypeAlias = Mapping[str, Any]


def moment(day: float) -> int:
    """So many days after BEGIN, in microseconds."""
    return micros(BEGIN) + int(day * DAY)


class Log:
    """An export of the book, filled row by row; times are days after BEGIN."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, ...], list[dict[str, Any]]] = {}

    def add(self, table: str, **row: Any) -> None:
        """Adds a row."""
        self.rows.setdefault((table, *row), []).append(row)

    def write(self, folder: Path) -> Path:
        """Writes the rows of each table at once."""
        export = Export()
        for (table, *names), rows in self.rows.items():
            export.add(table, **{name: np.array([row[name] for row in rows]) for name in names})
        return export.write(folder)

    def event(self, person: str, day: float, type_: str = "left") -> None:
        """Something that the person did."""
        self.add(
            "events",
            person=person,
            time=moment(day),
            position=0,
            event_id=f"{person}-{day}",
            type=type_,
            fields="{}",
        )

    def decision(self, person: str, day: float, signal: str = "leaving", offer: Offer | None = None) -> None:
        """A decision at which the signal held, with an offer if its columns are given."""
        number = sum(map(len, self.rows.values()))
        (decision_id,) = ids(np.array([moment(day)]), number % 4096)
        row = {"decision_id": f"{decision_id[:-12]}{number:012x}", "person": person, "time": moment(day)}
        self.add("decisions", **row, recorded_at=moment(day), book_version="v", outcome="offer")
        self.add("signals", **row, signal=signal, since=moment(day))
        if offer is not None:
            self.add("offers", **row, recorded_at=moment(day), position=0, campaign="save", **offer)

    def drawn(self, persons: int, leave: int, prefix: str, offer: Offer | None = None) -> None:
        """Persons to whom something is sent, or who are spared, at a decision with the signal; the first so many leave."""
        for number in range(persons):
            self.decision(f"{prefix}{number}", 20, offer=offer)
            if number < leave:
                self.event(f"{prefix}{number}", 25)

    def report(
        self, folder: Path, book: Book = CONTROLLED, start: datetime | None = None, **question: Any
    ) -> Report:
        """The report on the outcome `left`."""
        question = {"horizon": 12 * DAY, **question}
        return signals(self.write(folder), book, SignalsQuestion("left", **question), AS_OF, start)

    def answer(self, folder: Path, book: Book = CONTROLLED, **question: Any) -> dict[str, dict[str, Figure]]:
        """The report's rows of the signal `leaving`, by grid."""
        return {
            grid.name: {name: cell for name, cell in row.items() if isinstance(cell, Figure)}
            for section in self.report(folder, book, **question).sections
            for grid in section.grids
            for row in grid.rows
            if row["signal"] == "leaving"
        }


def test_signals_count_once_for_a_person_and_only_before_the_outcome(tmp_path: Path) -> None:
    """The first in the period counts; those whose horizon is not over, and of those who had left before, are left out."""
    log = Log()
    for number in range(40):
        log.decision(
            f"p{number}", 1
        )  # three signals, of which the first counts, and the first within the horizon leads
        log.decision(f"p{number}", 12)
        log.decision(f"p{number}", 14)
        if number < 30:
            log.event(f"p{number}", 20)
    for number in range(10):
        log.event(f"gone{number}", 15)
        log.decision(f"gone{number}", 16)
        log.decision(f"late{number}", 30)
        log.event(f"silent{number}", 21)  # no signal: counts against recall
        log.event(f"same{number}", 22)
        log.decision(f"same{number}", 22)  # the signal of the same moment follows from the outcome
    log.event("p39", 35, "visited")  # the last that the log has: later is not known
    rows = log.answer(tmp_path / "narrow", horizon=10 * DAY)
    quality = rows["signals"]
    assert (quality["persons"].value, quality["precision"].value) == (40, 0.0)
    assert quality["recall"].value == 30 / 60
    assert rows["lead_time"]["median"].value == 8
    wide = log.answer(tmp_path / "wide", horizon=19 * DAY + HOUR)["signals"]
    assert (wide["precision"].value, wide["persons"].value) == (30 / 40, 40)


SENT: Offer = {"withheld": "", "p_treated": 0.75}
SPARED: Offer = {"withheld": "control", "p_treated": 0.75}


def test_holdouts_spare_as_controls_do(tmp_path: Path) -> None:
    """Within the probability with which a person was sent something; who left before the draw is in no arm."""
    log = Log()
    log.drawn(300, 30, "t", SENT)
    log.drawn(100, 40, "c", {"withheld": "held_out", "p_treated": 0.75})
    log.drawn(100, 30, "T", {"withheld": "", "control_share": 0.5})  # as logs of before have it
    log.drawn(100, 60, "C", {"withheld": "control", "control_share": 0.5})
    for number in range(50):
        log.event(f"gone{number}", 0.5)
        log.decision(f"gone{number}", 1, offer=SENT)
    log.event("quiet", 59, "visited")
    rows = log.answer(tmp_path)
    saved = rows["saved"]
    assert saved["saved"].value == pytest.approx(
        1 - (2 / 3 * 0.1 + 1 / 3 * 0.3) / (2 / 3 * 0.4 + 1 / 3 * 0.6)
    )
    assert saved["rate of the control"].persons == 200
    assert saved["saved persons"].value == pytest.approx(400 * ((2 * 0.4 + 0.6) / 3 - (2 * 0.1 + 0.3) / 3))
    quality = rows["signals"]
    assert quality["precision (nothing sent)"].value == pytest.approx((400 * 0.4 + 200 * 0.6) / 600)
    assert quality["precision"].value == 160 / 600


@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ([(90, 9, {"withheld": ""})], "no control: nobody was spared at random what its campaigns sent"),
        ([(90, 9, SENT), (19, 9, SPARED)], "fewer than 20 persons in an arm"),
        ([(90, 9, SENT), (30, 15, SPARED)], "fewer than 20 events in an arm: counts only"),
        ([(500, 90, SENT), (500, 90, SPARED)], "sample ratio mismatch"),
        ([(90, 30, SENT), (30, 25, {**SPARED, "unit": "acme"})], "its control draws units, not persons"),
        ([], "its campaigns chose nothing at a decision with the signal in the period"),
    ],
)
def test_no_share_is_saved_without_a_comparison(
    arms: list[tuple[int, int, Offer]], sentence: str, tmp_path: Path
) -> None:
    """A sentence says why."""
    log = Log()
    for index, (persons, leave, offer) in enumerate(arms):
        log.drawn(persons, leave, f"{index}-", offer)
    log.drawn(30, 20, "nothing")
    for day in (0, 59):
        log.event("quiet", day, "visited")
    rows = log.answer(tmp_path)
    saved = rows["saved"]["saved"]
    assert saved.value is None
    assert saved.refused.startswith(sentence)
    untreated = rows["signals"]["recall (nothing sent)"].refused
    for doubt in ("no control", "sample ratio mismatch", "its control draws units"):
        assert untreated.startswith(doubt) == sentence.startswith(doubt)


def test_a_signal_of_no_campaign_saves_nothing(tmp_path: Path) -> None:
    """Nor is what other campaigns sent taken to be sent for it."""
    log = Log()
    log.drawn(90, 9, "t", SENT)
    log.drawn(30, 20, "c", SPARED)
    log.event("quiet", 59, "visited")
    other = book_of(BOOK.replace("when: {signal: leaving}, CONTROL", "when: {signal: looks}"))
    rows = log.answer(tmp_path, other)
    assert rows["saved"]["saved"].refused == "no campaign of the book refers to it in its `when`"
    assert rows["signals"]["sent"].value == 0
    assert rows["signals"]["precision (nothing sent)"].value == rows["signals"]["precision"].value


def test_what_is_sent_without_the_signal_is_not_sent_for_it(tmp_path: Path) -> None:
    """A campaign may ask that the signal does not hold; its offers of before leave the arms as they are."""
    log = Log()
    log.drawn(90, 30, "t", SENT)
    log.drawn(30, 25, "c", SPARED)
    for number in range(90):
        log.decision(f"t{number}", 5, "other", {"withheld": ""})
    log.event("quiet", 59, "visited")
    rows = log.answer(tmp_path)
    assert rows["saved"]["saved"].value == pytest.approx(1 - (30 / 90) / (25 / 30))
    assert rows["signals"]["precision (nothing sent)"].value == 25 / 30


def test_what_was_sent_to_all_before_the_period_is_as_it_was(tmp_path: Path) -> None:
    """A control that came later is one from then on."""
    log = Log()
    log.event("quiet", 0, "visited")
    for number in range(90):
        log.decision(f"t{number}", 3, offer={"withheld": ""})
    log.drawn(90, 30, "t", SENT)
    log.drawn(30, 25, "c", SPARED)
    log.event("quiet", 59, "visited")
    (before,) = (
        row for row in log.report(tmp_path / "all").grid("signals").rows if row["signal"] == "leaving"
    )
    assert isinstance(before["precision (nothing sent)"], Figure)
    assert before["precision (nothing sent)"].refused.startswith("no control: ")
    later = log.report(tmp_path / "later", start=BEGIN + timedelta(days=10))
    (saved,) = later.grid("saved").rows
    assert isinstance(saved["saved"], Figure)
    assert saved["saved"].value == pytest.approx(1 - (30 / 90) / (25 / 30))


def test_what_a_reader_must_know_is_warned_of(tmp_path: Path) -> None:
    """A control to whom something was sent all the same, and events that are no longer kept."""
    log = Log()
    log.drawn(90, 30, "t", SENT)
    log.drawn(30, 25, "c", SPARED)
    for number in range(7):
        log.decision(f"c{number}", 22, offer=SENT)
    log.event("quiet", 59, "visited")
    forgetful = book_of(BOOK.replace("CONTROL", "control: 30%").replace("keep: 400d", "keep: 30d"))
    question, end = SignalsQuestion("left", 12 * DAY), BEGIN + timedelta(days=31)
    (section,) = signals(log.write(tmp_path), forgetful, question, AS_OF, end=end).sections
    first, second, third = (warned.text for warned in section.warnings)
    assert first.startswith(
        "the book keeps events for 30 days, so that those before 2026-03-31 may be missing"
    )
    assert second.startswith("the period is not longer than the horizon")
    assert third.startswith(
        "leaving: fewer than 20 persons of the control were sent something for the signal all the same"
    )


def test_what_comes_again_counts_again(tmp_path: Path) -> None:
    """With `recurring` an outcome before the signal is no reason to leave the person out."""
    log = Log()
    for number in range(40):
        log.event(f"p{number}", 1)
        log.decision(f"p{number}", 35)
        log.event(f"p{number}", 40)
    log.event("quiet", 59, "visited")
    once = log.answer(tmp_path / "once", horizon=20 * DAY)["signals"]
    assert once["precision"].refused
    assert once["recall"].refused
    again = log.answer(tmp_path / "again", horizon=20 * DAY, recurring=True)["signals"]
    assert again["precision"].value == again["recall"].value == 1


def test_remembered_signals_patterns_and_linked_names_count(tmp_path: Path) -> None:
    """Each under the person who bears the name, over several links."""
    book = book_of(
        BOOK.replace("CONTROL", "control: 30%").replace(
            "signals:", "patterns: {twice: {first: {event: cancel_page, within: 9d}}}\nsignals:"
        )
    )
    log = Log()
    for number in range(30):
        log.add(
            "remembered",
            person=f"cookie{number}",
            signal="leaving",
            since=moment(1),
            expires_at=moment(90),
        )
        log.add("identities", name=f"cookie{number}", person=f"card{number}", linked_at=moment(1))
        log.add("identities", name=f"card{number}", person=f"p{number}", linked_at=moment(1))
        log.event(f"p{number}", 5 + number / 10)
        row = {
            "decision_id": str(number),
            "person": f"card{number}",
            "time": moment(1),
            "recorded_at": moment(1),
        }
        log.add("decisions", **row, attributes=json.dumps({"pattern.twice": number < 25}))
    log.event("quiet", 59, "visited")
    report = signals(log.write(tmp_path), book, SignalsQuestion("left", horizon=4 * DAY), AS_OF)
    rows = {row["signal"]: row for row in report.grid("signals").rows}
    for name, persons in (("leaving", 30), ("pattern.twice", 25)):
        figures = [rows[name][column] for column in ("persons", "precision")]
        assert [figure.value for figure in figures if isinstance(figure, Figure)] == [persons, 0]
    with pytest.raises(NothingRecorded, match="no event lefd; did you mean left"):
        signals(tmp_path, book, SignalsQuestion("lefd"), AS_OF)
    with pytest.raises(NothingRecorded, match="no signal held in the period"):
        signals(tmp_path, book, SignalsQuestion("left"), AS_OF, start=AS_OF - timedelta(days=1))


def test_limits_hold_as_often_as_they_say() -> None:
    """Of outcomes that were foretold with a chance of 0.7 where a quarter was spared: in about 95 of 100 logs."""
    rng, within, trials = np.random.default_rng(5), 0, 400
    for _ in range(trials):
        foretold = rng.binomial(300, 0.7)
        missed = 300 - foretold
        spared = rng.binomial(foretold, 0.25)
        lost = rng.binomial(foretold - spared, 0.4)
        counts = SignalCounts(
            *("leaving", True, 0, 0, 0, 0, ()),
            foretold=spared + lost,
            leads=(),
            preceded=(PrecededArms(0.75, True, lost, spared),),
            saved=SavedCounts((), 0.0, 0.0, 0, 0, 0, 0),
        )
        figure = untreated_recall(counts, spared + lost + missed, 0.95)
        assert figure.low is not None
        assert figure.high is not None
        within += figure.low < 0.7 < figure.high
    assert 0.92 <= within / trials <= 0.98
