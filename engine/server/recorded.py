"""What holds for everything that is recorded: its name, its moment, its size."""

from engine.api.v1 import decisions_pb2 as pb
from engine.attributes.event import Event
from engine.instant import DAY, Instant
from engine.memory import to_json
from engine.server.limits import LARGEST_EVENT
from engine.server.parse import name_of
from engine.server.violations import Violations

_AHEAD = DAY
"""How far a caller's clock may be ahead of ours."""


def event_name(message: pb.RecordedEvent, path: str, wrong: Violations) -> str:
    """The event's name, from wherever it stands; notes where there is none, or no event."""
    name = message.event_id or message.event.event_id
    name_of(name, f"{path}.event_id", wrong, required=True)
    if message.event.event_id not in ("", name):
        wrong.add(f"{path}.event.event_id", "is another name than event_id")
    if not message.HasField("event"):
        wrong.add(f"{path}.event", "is required")
        wrong.raise_any()
    return name


def check_event(event: Event, path: str, now: Instant, wrong: Violations) -> None:
    """Notes an event that is too far ahead, or too large."""
    if event.at > now + _AHEAD:
        wrong.add(f"{path}.at", "must be at most a day ahead of the server's clock")
    if len(to_json(event.fields).encode()) > LARGEST_EVENT:
        wrong.add(path, f"must have fields of at most {LARGEST_EVENT} bytes")
