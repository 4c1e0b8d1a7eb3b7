"""The population of a run: its customers in order of their names, in parts, in a file that a resumed run finds again."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.measure.population.files import Fault
from engine.measure.population.people import PeopleReader, Person
from engine.measure.population.simulate import PeopleRefused, sorted_people
from engine.measure.population.visits import stored_entries, write_entry
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Value
from engine.presend.pieces import replace_file
from engine.wire.parse import Parser

_MESSAGE = b"\0"
"""Begins what is stored of who brings events."""

PART = 50_000
"""Customers in a part, unless a run says otherwise."""

_FOLDER = ".population"
"""In the run's folder, until the run is over."""


class Population(NamedTuple):
    """The customers of a run, staged: checked, and sorted by name."""

    path: Path
    people: int
    fingerprint: str
    """SHA-256 of the file that they were read from."""
    offsets: tuple[int, ...]
    """Where each part begins in the file."""
    ignored: Mapping[str, str]
    """Columns that were not read, with what was probably meant."""
    part_size: int
    """Customers in a part; the last one has what is left."""
    first_part: int = 0
    """The number of the first part, of a population that is a part of another."""

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return len(self.offsets)

    def size(self, part: int) -> int:
        """How many customers the part has."""
        return min(self.part_size, self.people - (part - self.first_part) * self.part_size)

    def discard(self) -> None:
        """Deletes the staged file: the run is over."""
        for path in self.path.parent.iterdir():
            path.unlink()
        self.path.parent.rmdir()

    def requests(
        self, part: int, first: int, compiled: CompiledBook, now: Instant, clock: Instant
    ) -> Iterator[Request]:
        """The customers of the part from the place `first` on, by name; clock: the present moment."""
        parser = Parser(compiled)
        entries = stored_entries(self.path, self.offsets[part - self.first_part])
        for entry in islice(entries, first, self.size(part)):
            yield _unpacked(entry.payload, parser, now, clock if now > clock else None)


def fingerprint_of(source: Path) -> str:
    """SHA-256 of the file. Raises OSError."""
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class PopulationSource(NamedTuple):
    """The file of a population, and for what it is staged."""

    path: Path
    fingerprint: str
    """As of `fingerprint_of`."""
    folder: Path
    """Of the run."""
    channels: tuple[str, ...] = ()
    part_size: int = PART


def staged(source: PopulationSource, compiled: CompiledBook, advance: Callable[[int], object]) -> Population:
    """Checks and sorts the customers, or finds what an earlier call with the same source and book left.

    Raises PeopleRefused if the file does not fit the book, and what opening it raises.
    """
    key = [source.fingerprint, compiled.book.version, list(source.channels), source.part_size]
    people_file, index = source.folder / _FOLDER / "people", source.folder / _FOLDER / "index.json"
    if (known := _indexed(index, people_file, key)) is not None:
        advance(known.people)
        return known
    people_file.parent.mkdir(parents=True, exist_ok=True)
    reader = PeopleReader(source.path, compiled, channels=source.channels)
    offsets: list[int] = []
    people = 0
    with people_file.open("wb") as stream:
        for entry in sorted_people(reader, str.encode, people_file.parent, packed):
            if people % source.part_size == 0:
                offsets.append(stream.tell())
            write_entry(stream, entry)
            people += 1
            advance(1)
    if reader.faults.count:
        people_file.unlink(missing_ok=True)
        raise PeopleRefused(reader.faults)
    if not people:
        reader.faults.add(Fault(0, "", "there are no people"))
        raise PeopleRefused(reader.faults)
    document = {"key": key, "people": people, "offsets": offsets, "ignored": reader.ignored}
    replace_file(index, orjson.dumps(document))
    return Population(
        people_file, people, source.fingerprint, tuple(offsets), reader.ignored, source.part_size
    )


def _indexed(index: Path, people_file: Path, key: Sequence[Any]) -> Population | None:
    """What an earlier call staged; None where there is nothing, or it was of another file, book or channels."""
    if not index.exists() or not people_file.exists():
        return None
    document = orjson.loads(index.read_bytes())
    if document["key"] != list(key):
        return None
    return Population(
        people_file,
        document["people"],
        key[0],
        tuple(document["offsets"]),
        document["ignored"],
        document["key"][-1],
    )


def packed(person: Person) -> bytes:
    """The person's request as JSON; what JSON has no type for, days and lists of attributes, stands apart.

    Of who brings events their message, since events are read at the moment of the run.
    """
    request = person.request
    if person.message.context.events:
        return _MESSAGE + person.message.SerializeToString()
    plain: dict[str, Value] = {}
    days: dict[str, int] = {}
    lists: dict[str, Sequence[Value]] = {}
    for name, value in request.attributes.items():
        if isinstance(value, date):
            days[name] = value.toordinal()
        elif isinstance(value, tuple):
            lists[name] = value
        else:
            plain[name] = value
    fields = (request.customer, plain, days, lists, sorted(request.consents), request.preferred_channels)
    return orjson.dumps([*fields, request.channels, request.aliases])


def _unpacked(payload: bytes, parser: Parser, now: Instant, clock: Instant | None) -> Request:
    """The request again, at its moment."""
    if payload.startswith(_MESSAGE):
        message = DecideRequest.FromString(payload[len(_MESSAGE) :])
        return parser.parse(message, now)._replace(clock=clock)
    customer, attributes, days, lists, consents, preferred, channels, aliases = orjson.loads(payload)
    if days:
        attributes.update((name, date.fromordinal(day)) for name, day in days.items())
    if lists:
        attributes.update((name, tuple(values)) for name, values in lists.items())
    return Request(
        customer,
        now,
        attributes,
        frozenset(consents),
        tuple(preferred),
        tuple(channels),
        aliases=tuple(aliases),
        clock=clock,
    )
