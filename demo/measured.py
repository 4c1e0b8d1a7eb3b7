"""Measures the demo's log: every decision again, and the effect of its campaign beside the truth."""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.outcomes import CAMPAIGN, EFFECT, UNTIL
from demo.server import DemoError, book_folder
from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.replay import replay_log
from engine.rulebook.load import load

if TYPE_CHECKING:
    from engine.measure.report.effects import Effect
    from engine.measure.report.figures import Figure


@dataclass(frozen=True, slots=True)
class ArmFound:
    """What the report says of one arm."""

    persons: int
    ordered: int
    rate: float


@dataclass(frozen=True, slots=True)
class EffectFound:
    """The campaign's effect on the share that orders, with always-valid limits, and the effect of the demo's model."""

    campaign: str
    treated: ArmFound
    control: ArmFound
    value: float
    low: float
    high: float
    truth: float
    page: str
    """The report as HTML."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the log shows."""

    replayed: dict[str, int]
    """Decisions that were made again, by how they compare with the log."""
    effect: EffectFound | None
    missing: str
    """The package that a report lacks; empty if there is one."""


def measure(log: Path) -> Measured:
    """Replay and report on the log; the page is written beside it. Raises DemoError if either is not as it should be."""
    url = f"sqlite:///{log}"
    replayed = _replayed(url)
    if replayed.get("different"):
        raise DemoError(f"{replayed['different']} decisions come out differently: tact replay --log {url}")
    try:
        return Measured(replayed, _effect(url, log.with_name("report.html")), "")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("engine"):
            raise
        return Measured(replayed, None, error.name)


def _replayed(url: str) -> dict[str, int]:
    with closing(open_store(url)) as store:
        counts = Counter(str(replayed.result) for replayed in replay_log(store, Books(store, None)))
    return {"equal": 0, "different": 0, **counts}


def _effect(url: str, page_file: Path) -> EffectFound:
    from engine.measure.log import open_log  # noqa: PLC0415 - needs the extra `measure`
    from engine.measure.report.page import page  # noqa: PLC0415 - as above

    book = load(book_folder()).book
    if book is None:
        raise DemoError("the demo's book does not load")
    report = open_log(url).report(book, end=UNTIL)
    page_file.write_bytes(page(report))
    effect = report.figures.get(CAMPAIGN)
    if effect is None or effect.refused:
        raise DemoError(
            f"the report has no effect of {CAMPAIGN}: {effect.refused if effect else 'no control'}"
        )
    return _effect_found(effect, page_file)


def _effect_found(effect: "Effect", page_file: Path) -> EffectFound:
    uplift = effect.uplift
    return EffectFound(
        CAMPAIGN,
        _arm(effect.treated, effect.treated_rate),
        _arm(effect.control, effect.control_rate),
        uplift.value or 0.0,
        uplift.low or 0.0,
        uplift.high or 0.0,
        EFFECT,
        str(page_file),
    )


def _arm(events: "Figure", rate: "Figure") -> ArmFound:
    return ArmFound(events.persons or 0, int(events.value or 0), rate.value or 0.0)
