"""A sticky campaign's report, after its shares have changed ten times."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from engine.ledger.store.open import open_store
from engine.measure.export.export import export
from engine.measure.report.build import build
from engine.measure.report.figures import Figure
from engine.model.decision import Decision, Outcome
from tests.decide.experiments.fixtures import DAY, NOW
from tests.ledger.commit.test_sticky import SHARES, book, decide, request


def test_the_sample_ratio_stays_quiet(tmp_path: Path) -> None:
    """Persons come under eleven shares and are decided under later ones: nobody crosses, p_treated is of the first draw."""
    url = f"sqlite:///{tmp_path / 'tact.db'}"
    store, crossed = open_store(url), 0
    first: dict[str, tuple[Outcome, float]] = {}
    for change, share in enumerate(SHARES):
        people = [f"p{number}" for number in range(30 * (change + 1))]
        made: list[Decision] = decide(
            store, book(share), *(request(name, NOW + change * DAY) for name in people)
        )
        for name, decision in zip(people, made, strict=True):
            drawn = first.setdefault(name, (decision.outcome, round(1 - float(share[:-1]) / 100, 6)))
            crossed += drawn[0] is not decision.outcome
    store.close()
    assert crossed == 0
    out = tmp_path / "out"
    export(url, out)
    rows = (
        duckdb.connect()
        .execute(
            f"SELECT person, withheld, min(p_treated), max(p_treated) FROM '{out}/offers/*.parquet' GROUP BY ALL"
        )
        .fetchall()
    )
    assert {
        name: (withheld == "control", low == high, round(high, 6)) for name, withheld, low, high in rows
    } == {
        name: (outcome is Outcome.CONTROL, True, probability)
        for name, (outcome, probability) in first.items()
    }
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    report = build(
        out,
        book(SHARES[-1]).book,
        start=begin,
        end=begin + timedelta(days=60),
        as_of=datetime.now(UTC) + timedelta(days=1),
    )
    (cohort,) = report.grid("cohorts").rows
    ratio, crossings = cohort["sample ratio p"], [cohort["crossed, treated"], cohort["crossed, control"]]
    assert isinstance(ratio, Figure)
    assert ratio.value is not None
    assert ratio.value > 0.01
    assert [figure.value for figure in crossings if isinstance(figure, Figure)] == [0, 0]
