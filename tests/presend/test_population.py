"""What is staged of a population is what the server would read of it, in parts by name."""

from pathlib import Path

import pytest

from engine.measure.population import columns as by_columns
from engine.measure.population.people import PeopleReader
from engine.measure.population.simulate import PeopleRefused
from engine.presend import population
from engine.presend.population import PopulationSource, fingerprint_of, staged
from engine.wire.parse import Parser
from tests.measure.population.people_files import write_lines
from tests.presend.kit import CLOCK, NOW, crowd, shop

BOOK = """
book: {name: kinds, timezone: Europe/Paris}
attributes:
  profile.email: {type: text}
  profile.born: {type: date}
  profile.seen: {type: time}
  profile.topics: {type: list of text}
  profile.sizes: {type: list of integer}
  profile.score: {type: number}
  profile.member: {type: boolean}
  profile.visits: {type: integer}
channels: {mail: {kind: outbound, address: profile.email, consent: mail}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  tea:
    offer: tea
    channels: [mail]
    when:
      any:
        - {profile.born: {gt: 1990-01-01}, profile.seen: {within: 3d}, profile.topics: {has: tea}, profile.sizes: {has: 3}}
        - {profile.score: {gt: 0}, profile.member: true, profile.visits: {gt: 2}}
        - {behaviour: {event: purchase, within: 3d, count: {gte: 1}}}
"""
PEOPLE = [
    {
        "customer": "c",
        "profile": {
            "email": "c@example.org",
            "born": "1991-02-03",
            "seen": "2026-03-09T10:00:00Z",
            "topics": ["tea", ""],
            "sizes": [1, 2**53],
            "score": -0.0,
            "member": True,
            "visits": 2**40,
        },
        "consents": ["mail", "sms"],
        "preferred_channels": ["mail"],
        "aliases": ["c-2"],
    },
    {"customer": "a", "profile": {"score": 5.0, "visits": 0, "topics": [], "member": False}},
    {
        "customer": "é 𝄞",
        "profile": {"email": " "},
        "events": [
            {"type": "purchase", "at": "2026-03-09T12:00:00Z"},
            {"type": "purchase", "at": "2026-03-01T12:00:00Z"},
        ],
    },
    {"customer": "b"},
]


def test_requests_are_those_of_a_server(tmp_path: Path) -> None:
    """Values of every type, lists, days, consents, further names and events; in order of the names."""
    compiled, path = shop(tmp_path, BOOK), write_lines(tmp_path / "people.jsonl", PEOPLE)
    source = PopulationSource(path, fingerprint_of(path), tmp_path / "out", part_size=3)
    own = staged(source, compiled, lambda _: None)
    assert (own.people, own.parts) == (4, 2)
    read = [request for part in range(2) for request in own.requests(part, 0, compiled, NOW, CLOCK)]
    parser = Parser(compiled)
    expected = [parser.parse(person.message, NOW) for person in PeopleReader(path, compiled).people()]
    assert read == sorted(expected, key=lambda request: request.customer)
    by_name = sorted(expected, key=lambda request: request.customer)
    for request, right in zip(read, by_name, strict=True):  # also of the same types
        assert {name: repr(value) for name, value in request.attributes.items()} == {
            name: repr(value) for name, value in right.attributes.items()
        }
    assert [request.customer for request in own.requests(0, 1, compiled, NOW, CLOCK)] == ["b", "c"]
    later = next(own.requests(0, 0, compiled, CLOCK + 1, CLOCK))
    assert (later.now, later.clock) == (CLOCK + 1, CLOCK)


def test_more_than_fits_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is sorted on disk into the same parts, and who is there twice is found; nothing else is left in the folder."""
    compiled, path = shop(tmp_path, BOOK), write_lines(tmp_path / "people.jsonl", PEOPLE)
    whole = staged(PopulationSource(path, "x", tmp_path / "a", part_size=3), compiled, lambda _: None)
    monkeypatch.setattr(population, "_IN_MEMORY", 0)
    monkeypatch.setattr(by_columns, "CHUNK", 1)
    spilt = staged(PopulationSource(path, "x", tmp_path / "b", part_size=3), compiled, lambda _: None)
    for part in range(whole.parts):
        assert list(spilt.requests(part, 0, compiled, NOW, CLOCK)) == list(
            whole.requests(part, 0, compiled, NOW, CLOCK)
        )
    files = sorted(path.name for path in spilt.path.iterdir())
    assert files == ["index.json", "part-00000.arrow", "part-00001.arrow"]
    doubled = write_lines(tmp_path / "doubled.jsonl", [{"customer": name} for name in ("b", "a", "b")])
    with pytest.raises(PeopleRefused) as refused:
        staged(PopulationSource(doubled, "y", tmp_path / "b"), compiled, lambda _: None)
    assert [str(fault) for fault in refused.value.faults.first] == [
        "row 3, column customer: 'b' is in row 1 already"
    ]
    assert list((tmp_path / "b" / ".population").iterdir()) == []


def test_staged_once(tmp_path: Path) -> None:
    """The same file and book are not read again; another file, or another book, is."""
    compiled, people = shop(tmp_path), crowd(tmp_path, 50)
    source = PopulationSource(people, fingerprint_of(people), tmp_path / "out")
    first = staged(source, compiled, lambda _: None)
    people.unlink()
    assert staged(source, compiled, lambda _: None) == first
    with pytest.raises(FileNotFoundError):
        staged(source._replace(part_size=7), compiled, lambda _: None)


def test_who_is_there_twice_is_named(tmp_path: Path) -> None:
    """With both rows, wherever they stand; nothing is left behind."""
    compiled = shop(tmp_path)
    path = write_lines(tmp_path / "people.jsonl", [{"customer": name} for name in ("b", "a", "b", "c", "a")])
    source = PopulationSource(path, fingerprint_of(path), tmp_path / "out")
    with pytest.raises(PeopleRefused) as refused:
        staged(source, compiled, lambda _: None)
    assert [str(fault) for fault in refused.value.faults.first] == [
        "row 5, column customer: 'a' is in row 2 already",
        "row 3, column customer: 'b' is in row 1 already",
    ]
    assert list((tmp_path / "out" / ".population").iterdir()) == []
