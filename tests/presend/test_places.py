"""A send to customers of many places: each place gets what it can take, as one by one."""

from contextlib import closing
from pathlib import Path
from random import Random

from engine.ledger.store.open import open_store
from tests.books import compiled_book
from tests.ledger.commit.test_capacity_each import BOOK, DEALERS
from tests.logs import Log, sqlite_log
from tests.measure.population.people_files import write_csv
from tests.presend.kit import Send, one_by_one, state_of

COLUMNS = ("customer", "profile.phone", "location.latitude", "location.longitude")


def test_a_send_leaves_each_place_its_number(any_log: Log, tmp_path: Path) -> None:
    """Contacts, counters and holdings are those of single calls, over several groups."""
    folder, random = tmp_path / "book", Random(3)
    folder.mkdir()
    rows = [
        f"{name},{latitude},{longitude},{calls * 5}" for name, (latitude, longitude, calls) in DEALERS.items()
    ]
    (folder / "dealers.csv").write_text(
        "\n".join(["name,latitude,longitude,calls", *rows, ""]), encoding="utf-8"
    )
    compiled = compiled_book(folder, BOOK.replace("CONTROL", ", control: {share: 30%, salt: c}"))
    sites = [(f"{latitude + 0.1:.2f}", str(longitude)) for latitude, longitude, _ in DEALERS.values()]
    crowd = [[f"person-{at:03}", "1", *random.choice([*sites, ("", "")])] for at in range(240)]
    people = write_csv(tmp_path / "people.csv", crowd, COLUMNS)
    send = Send(compiled, any_log, people, tmp_path / "out", group=50)
    (tmp_path / "other").mkdir()
    other = sqlite_log(tmp_path / "other")
    reference = Send(compiled, other, people, tmp_path / "reference")
    with closing(open_store(other.url)) as store:
        one_by_one(compiled, store, reference.population)
    assert send.run() is not None
    assert state_of(any_log) == state_of(other)
    used = dict(any_log.rows("SELECT counter, sum(used) FROM counters GROUP BY counter"))
    assert used == {
        "phone/capacity": 40,
        "phone/capacity_each:Lyon | Est": 15,
        "phone/capacity_each:Paris": 25,
    }
