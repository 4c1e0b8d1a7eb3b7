"""A population in Spark is decided as one in a file is, exactly once whatever becomes of the tasks."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from engine.measure.population.simulate import PeopleRefused
from engine.presend.rows import SendPlan
from engine.presend.run import MANIFEST, RunRefused
from engine.presend.spark import SparkWork, presend, send_part
from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.presend.kit import BOOK, CONTACTS, NOW, UNSHARED, Send, crowd, shop, state_of
from tests.spark.conftest import by_classic_spark, by_spark

pytestmark = by_spark


def frame(spark: Any, people: Path, **columns: pa.Array) -> Any:
    """The people of a CSV file as a DataFrame; columns: more of them, or others."""
    table = pyarrow.csv.read_csv(people)
    named = {name.replace(".", "__"): table[name] for name in table.column_names}
    consents = [["mail"] if text else [] for text in named["consents"].to_pylist()]
    named |= {"consents": pa.array(consents, pa.list_(pa.string())), **columns}
    for name in ("profile__email", "profile__phone", "profile__town"):
        texts = named[name].cast(pa.string()).to_pylist()
        named[name] = pa.array([text or None for text in texts], pa.string())
    path = people.with_suffix(".parquet")
    pq.write_table(pa.table(named), path)
    return spark.read.parquet(str(path))


def sent(population: Any, log: Log, folder: Path, **options: Any) -> Any:
    """The summary of a run."""
    book = write_book(folder / "book", UNSHARED)
    return presend(
        population, book=book, log=log.url, out=folder / "out", run="spring", moment=NOW, group=50, **options
    )


def test_same_as_from_a_file(spark: Any, postgres_log: Log, tmp_path: Path) -> None:
    """Contacts and decisions are those of the run on this machine; the files that count hold everybody once."""
    people = crowd(tmp_path, 900)
    summary = sent(frame(spark, people), postgres_log, tmp_path, part=200)
    assert summary.customers == 900
    (tmp_path / "local").mkdir()
    local = sqlite_log(tmp_path / "local")
    Send(shop(tmp_path, UNSHARED), local, people, tmp_path / "local-out", SendPlan("spring", NOW)).run()
    assert state_of(postgres_log) == state_of(local)
    files = [tmp_path / "out" / name for name, _ in summary.files]
    assert len(files) >= 3
    customers = [name for file in files for name in pq.read_table(file)["customer"].to_pylist()]
    assert len(customers) == len(set(customers)) == 900
    assert (tmp_path / "out" / MANIFEST).exists()
    assert sent(frame(spark, people), postgres_log, tmp_path, part=200).customers == 900
    assert state_of(postgres_log) == state_of(local), "the whole job again adds nothing"


@pytest.mark.parametrize("way", ["best", "value"])
def test_scarce_stock_is_shared_out_before_the_job(
    spark: Any, way: str, postgres_log: Log, tmp_path: Path
) -> None:
    """By the very cut-offs and prices that a run on this machine finds; all of the stock is given, and nothing twice."""
    people, text = crowd(tmp_path, 300), BOOK.replace("    control: {share: 10%, salt: rare}\n", "")
    book = write_book(tmp_path / "book", text)
    options: dict[str, Any] = {
        "book": book,
        "log": postgres_log.url,
        "out": tmp_path / "out",
        "run": "spring",
    }
    options |= {"moment": NOW, "group": 50, "part": 100, "scarce": way}
    summary = presend(frame(spark, people), **options)
    assert summary.customers == 300
    (tmp_path / "local").mkdir()
    local = sqlite_log(tmp_path / "local")
    plan = SendPlan("spring", NOW, scarce=way)
    Send(shop(tmp_path, text), local, people, tmp_path / "local-out", plan).run()
    shares = [json.loads(log.rows("SELECT shares FROM presend_runs")[0][0]) for log in (postgres_log, local)]
    assert shares[0]["counters"] == shares[1]["counters"]
    assert shares[0]["is_short"]
    used = "SELECT sum(used) FROM counters WHERE counter = 'rare/stock'"
    assert postgres_log.rows(used) == local.rows(used) == [(40,)]
    if way == "best":
        assert state_of(postgres_log, (CONTACTS,)) == state_of(local, (CONTACTS,))
    files = [tmp_path / "out" / name for name, _ in summary.files]
    customers = [name for file in files for name in pq.read_table(file)["customer"].to_pylist()]
    assert len(customers) == len(set(customers)) == 300


def test_people_that_do_not_fit(spark: Any, postgres_log: Log, tmp_path: Path) -> None:
    """Values of a wrong type and customers who are there twice are found before anybody is decided."""
    people = crowd(tmp_path, 60)
    scores = pa.array(["high"] * 60)
    with pytest.raises(PeopleRefused) as refused:
        sent(frame(spark, people, profile__score=scores), postgres_log, tmp_path)
    assert refused.value.faults.count == 60
    message = str(refused.value.faults.first[0])
    assert message.startswith("column profile.score: must be of type number, not text, of 'person-0000")
    names = pa.array([f"c-{at // 2}" for at in range(60)])
    with pytest.raises(PeopleRefused) as refused:
        sent(frame(spark, people, customer=names), postgres_log, tmp_path)
    assert "is there 2 times" in str(refused.value.faults.first[0])
    assert postgres_log.rows("SELECT count(*) FROM presend_runs") == [(0,)]


def test_another_population_is_refused(spark: Any, postgres_log: Log, tmp_path: Path) -> None:
    """Under the name of a run, whatever the order of the rows."""
    sent(frame(spark, crowd(tmp_path, 40)), postgres_log, tmp_path)
    (tmp_path / "other").mkdir()
    with pytest.raises(RunRefused, match="another population"):
        sent(frame(spark, crowd(tmp_path / "other", 41)), postgres_log, tmp_path)


def _dies_once(work: SparkWork, table: pa.Table) -> pa.Table:
    """Decides a part; the first attempt at the first part dies after its commits."""
    result = send_part(work, table)
    marker = Path(work.out) / "died"
    if table.column("part")[0].as_py() == 0 and not marker.exists():
        marker.touch()
        os._exit(1)
    return result


@by_classic_spark
def test_a_task_that_dies_after_its_commit(spark: Any, postgres_log: Log, tmp_path: Path) -> None:
    """Spark tries it again, and nobody is contacted twice."""
    people = crowd(tmp_path, 20_000)
    summary = sent(frame(spark, people), postgres_log, tmp_path, part=5_000, task=_dies_once)
    assert (tmp_path / "out" / "died").exists()
    assert summary.customers == 20_000
    (tmp_path / "local").mkdir()
    local = sqlite_log(tmp_path / "local")
    Send(
        shop(tmp_path, UNSHARED), local, people, tmp_path / "local-out", SendPlan("spring", NOW), group=1000
    ).run()
    assert state_of(postgres_log) == state_of(local)
