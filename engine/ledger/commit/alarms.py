"""Notes trends that begin and end, each once however many servers look, in a transaction that reads what all have counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import trends
from engine.ledger.store.rows import TrendAlarmRow
from engine.ledger.store.store import Store
from engine.model.instant import SECOND, Instant
from engine.model.trends import AlarmKey, TrendAlert, TrendCounts, alarms_holding, by_hour, window_start

_SKEW = 60 * SECOND
"""By which servers' clocks may differ: one that is behind must not begin again what another has just ended."""


@dataclass(frozen=True, slots=True)
class AlarmCommand(Command[Sequence[TrendAlert]]):
    """Compares the trends of a book with those that hold already; the result: those that begin."""

    compiled: CompiledBook
    now: Instant

    stage = Stage.LEARN

    def locks(self) -> tuple[str, ...]:
        """One for all servers: each sees what those before it have noted."""
        return ("trends",)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[Sequence[TrendAlert]]:
        """Notes what begins and what ends."""
        results: list[Sequence[TrendAlert]] = [_compare(unit.store, command) for command in commands]
        unit.alerts += [alert for alerts in results for alert in alerts]
        return results


def _compare(store: Store, command: AlarmCommand) -> list[TrendAlert]:
    noted = trends.alarms(store)
    latest = max((row.until for row in noted.values()), default=0)
    now = max(command.now, min(latest, command.now + _SKEW))
    counts, alarms = TrendCounts(), command.compiled.book.derived.alarms
    first = min((window_start(alarm.within, now) - alarm.against for alarm in alarms), default=now)
    counts.take(by_hour(trends.cells(store, command.compiled.counted, first)), trends.series(store))
    holding = alarms_holding(alarms, counts, now)
    begun = sorted(key for key in holding if key not in noted or noted[key].until)
    own = {(alarm.event, alarm.field, alarm.condition) for alarm in alarms}
    ended = sorted(
        key
        for key, row in noted.items()
        if not row.until and key not in holding and (key[0], key[1], key[3]) in own
    )
    rows = [TrendAlarmRow(*key, now, 0) for key in begun]
    rows += [TrendAlarmRow(*key, noted[key].since, now) for key in ended]
    if rows:
        trends.set_alarms(store, rows)
    return [_alert(key, holding[key].number, holding[key].usual, now) for key in begun]


def _alert(key: AlarmKey, number: int, usual: float, now: Instant) -> TrendAlert:
    event, field, value, _ = key
    return TrendAlert(event, field, value, number, usual, now)
