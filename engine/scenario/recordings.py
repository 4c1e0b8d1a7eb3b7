"""What the steps of a story record: events, and outcomes of the decisions before them, with every mistake at its place."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.api.v1.decisions_pb2 import Customer, RecordedEvent, RecordRequest
from engine.client.events import event_of
from engine.instant import Instant
from engine.live import LiveBook
from engine.outcome import OutcomeType
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Findings, Path
from engine.scenario.contexts import divided
from engine.scenario.moments import shown
from engine.scenario.typed import typed_event
from engine.server.parse import Parser
from engine.server.recordings import parse_recordings
from engine.server.violations import InvalidRequest
from engine.settle.recording import Recording
from engine.settle.reporting import Reporting

_OUTCOME_KEYS = ("of", "channel", "campaign")
_OUTCOMES = frozenset(map(str, OutcomeType))


def decision_of(step: int) -> str:
    """Stands in for the id of the decision that a step will lead to."""
    return f"step {step}"


@dataclass(frozen=True, slots=True)
class RecordingReader:
    """Reads what steps record, against one live book."""

    live: LiveBook
    findings: Findings

    def read(
        self,
        customer: str,
        events: Sequence[Mapping[str, Any]],
        now: Instant,
        path: Path,
        decided: Sequence[int],
    ) -> tuple[Recording | Reporting, ...]:
        """What is recorded of the customer at the moment; what is wrong goes to the findings.

        An event without a moment happens then, and one without a name has that of its place in the file. decided: the
        numbers of the steps before that asked.
        """
        found: list[Recording | Reporting] = []
        for place, values in enumerate(events):
            found += self._one(customer, values, now, (*path, place), decided)
        return tuple(found)

    def _one(
        self, customer: str, values: Mapping[str, Any], now: Instant, path: Path, decided: Sequence[int]
    ) -> Iterator[Recording | Reporting]:
        told = {key: values[key] for key in _OUTCOME_KEYS if key in values}
        plain = {key: value for key, value in values.items() if key not in told}
        named = {"event_id": ".".join(map(str, path)), "at": shown(now, ZoneInfo("UTC")), **plain}
        try:
            event = event_of("record", typed_event(named, "record", self.live.book))
            recorded = RecordedEvent(customer=Customer(id=customer), event=event)
            for key in ("channel", "campaign"):
                setattr(recorded, key, told.get(key, ""))
        except (TypeError, ValueError, OverflowError) as error:
            self._report(*divided(str(error)), path)
            return
        if event.type in _OUTCOMES or "of" in told:
            recorded.decision_id = self._decision(told, (*path, "of"), decided)
        yield from self._parsed(recorded, now, path)

    def _decision(self, told: Mapping[str, Any], path: Path, decided: Sequence[int]) -> str:
        """The decision that it happened to: that of the step that is named, else the latest, unless it names a channel."""
        if "of" not in told:
            return decision_of(decided[-1]) if decided and "channel" not in told else ""
        step = told["of"]
        if step not in decided:
            steps = ", ".join(map(str, decided)) or "there is none"
            self.findings.error(path, Code.VALUE, "must be the number of an earlier step that decides", steps)
        return decision_of(step)

    def _parsed(self, recorded: RecordedEvent, now: Instant, path: Path) -> Iterator[Recording | Reporting]:
        for one in parse_recordings(Parser(self.live), RecordRequest(events=[recorded]), now):
            match one:
                case Recording() | Reporting():
                    yield one
                case InvalidRequest(violations=violations):
                    for each in violations:
                        self._report(each.field.removeprefix("events[0]."), each.description, path)
                case _:
                    self.findings.error(path, Code.VALUE, str(one))

    def _report(self, where: str, message: str, path: Path) -> None:
        self.findings.error(path, Code.VALUE, f"{where}: {message}" if where else message)
