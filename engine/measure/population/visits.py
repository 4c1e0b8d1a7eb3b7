"""When persons are decided: a visiting pattern, and visits in the order of their time with memory bounded.

The order does not depend on the order of the file: at one moment persons come in the order of a hash of the seed and the
person. Sorting is external: runs of at most 32 MiB are sorted in memory, written to temporary files, and merged.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo

from engine.decide.experiments.bucketing import identity, stable_fraction
from engine.model.instant import Instant, from_datetime

_RUN_BYTES = 32 << 20
_LENGTHS = Struct(">II")
_PATTERN = re.compile(
    r"(?P<times>[1-9][0-9]?)/(?P<unit>day|week)@(?P<hour>[0-9]{2}:[0-9]{2})(-(?P<end>[0-9]{2}:[0-9]{2}))?"
)
_MOST_A_DAY = 24
_WEEK = 7


class SortEntry(NamedTuple):
    """Something to be sorted."""

    key: bytes
    payload: bytes


def sorted_entries(entries: Iterable[SortEntry], folder: Path, name: str) -> Iterator[SortEntry]:
    """The entries by key. Runs go to files `NAME-NUMBER` in the folder, which are deleted when the iterator ends."""
    runs: list[Path] = []
    run: list[SortEntry] = []
    size = 0
    for entry in entries:
        run.append(entry)
        size += len(entry.key) + len(entry.payload) + 100
        if size >= _RUN_BYTES:
            runs.append(_written(sorted(run), folder / f"{name}-{len(runs)}"))
            run, size = [], 0
    run.sort()
    try:
        yield from heapq.merge(*map(stored_entries, runs), run)
    finally:
        for path in runs:
            path.unlink()


def _written(entries: Iterable[SortEntry], path: Path) -> Path:
    with path.open("wb") as stream:
        for entry in entries:
            write_entry(stream, entry)
    return path


def write_entry(stream: IO[bytes], entry: SortEntry) -> None:
    """Appends the entry to a file that `stored_entries` reads."""
    stream.write(_LENGTHS.pack(len(entry.key), len(entry.payload)))
    stream.write(entry.key)
    stream.write(entry.payload)


def stored_entries(path: Path, offset: int = 0) -> Iterator[SortEntry]:
    """The entries of a file from a byte on, in the order in which they were written."""
    with path.open("rb") as stream:
        stream.seek(offset)
        while head := stream.read(_LENGTHS.size):
            key, payload = _LENGTHS.unpack(head)
            yield SortEntry(stream.read(key), stream.read(payload))


def order_key(seed: int, customer: str) -> bytes:
    """The key by which persons are ordered at one moment."""
    return blake2b(identity("simulate", str(seed), customer), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Visits:
    """How often and at what hour each person is decided; `1/day@10:00` is once a day at ten."""

    times: int = 1
    unit: str = "day"
    hour: time = time(10)
    end: time | None = None
    """Each visit has a time of its own from `hour` until before this; None: all visits are at `hour`."""

    @classmethod
    def parse(cls, text: str) -> "Visits":
        """Reads `N/day@HH:MM`, `N/week@HH:MM`, each with `-HH:MM` for a range; raises ValueError."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is not a pattern such as 1/day@10:00, 3/week@10:00 or 2/day@09:00-21:00"
            )
        try:
            hour, end = time.fromisoformat(match["hour"]), match["end"] and time.fromisoformat(match["end"])
        except ValueError:
            raise ValueError(f"{text!r}: there is no such time of a day") from None
        visits = cls(int(match["times"]), match["unit"], hour, end or None)
        if end and end <= hour:
            raise ValueError(f"{text!r}: the range ends before it begins")
        if visits.unit == "day" and visits.times > 1 and not end:
            raise ValueError(
                f"{text!r}: several visits a day need a range, such as {visits.times}/day@09:00-21:00"
            )
        most = _WEEK if visits.unit == "week" else _MOST_A_DAY
        if visits.times > most:
            raise ValueError(f"{text!r}: at most {most} a {visits.unit}")
        return visits

    def __str__(self) -> str:
        end = f"-{self.end:%H:%M}" if self.end else ""
        return f"{self.times}/{self.unit}@{self.hour:%H:%M}{end}"

    @property
    def at_one_moment(self) -> bool:
        """Whether all visits of a day are at the same moment."""
        return self.end is None

    def moments(self, seed: int, customer: str, start: date, day: int, zone: ZoneInfo) -> list[Instant]:
        """When the person is decided on the day, counted from 0; weeks are of seven days from the start."""
        if self.unit == "week" and not self._comes(seed, customer, day):
            return []
        times = self.times if self.unit == "day" else 1
        moments = [self._moment(seed, customer, start, day, number, zone) for number in range(times)]
        return sorted(set(moments))

    def expected(self, persons: int, days: int) -> int:
        """About how many visits there are."""
        return persons * days * self.times // (1 if self.unit == "day" else _WEEK)

    def _comes(self, seed: int, customer: str, day: int) -> bool:
        """Whether this is one of the days that are drawn for the person in this week."""
        week, weekday = divmod(day, _WEEK)
        draws = sorted(
            range(_WEEK),
            key=lambda other: stable_fraction(identity("day", str(seed), customer, str(week), str(other))),
        )
        return weekday in draws[: self.times]

    def _moment(
        self, seed: int, customer: str, start: date, day: int, number: int, zone: ZoneInfo
    ) -> Instant:
        first = datetime.combine(start + timedelta(days=day), self.hour)
        if self.end is not None:
            span = datetime.combine(first.date(), self.end) - first
            drawn = stable_fraction(identity("hour", str(seed), customer, str(day), str(number)))
            first += timedelta(seconds=int(span.total_seconds() * drawn))
        return from_datetime(first.replace(tzinfo=zone))


DAILY = Visits()
"""Once a day at ten."""
