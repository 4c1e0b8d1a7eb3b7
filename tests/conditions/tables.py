"""Tables of conditions as marketers write them: files below written/, read into books and requests."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.client import from_document
from engine.decide.compiled import CompiledBook, compile_book
from engine.model.contact import MadeContact
from engine.model.instant import SECOND, Instant, from_datetime
from engine.model.request import Request
from engine.model.trends import GivenTrends, TrendReading
from engine.rulebook.load import LoadedBook, load_files
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.text.nodes import compose
from engine.scenario.contexts import typed
from engine.wire.parse import Parser

FOLDER = Path(__file__).with_name("written")
NOW = "2026-03-10T10:00:00Z"
SITUATION = ("profile", "location", "weather", "events", "contacts", "trends", "now")
ATTRIBUTES: dict[str, Any] = {
    "profile.name": {"type": "text"},
    "profile.tier": {"type": "text", "one_of": ["bronze", "silver", "gold"]},
    "profile.age": {"type": "integer", "min": 0, "max": 130},
    "profile.points": {"type": "integer"},
    "profile.score": {"type": "number", "min": -1, "max": 1},
    "profile.spend": {"type": "number"},
    "profile.member": {"type": "boolean"},
    "profile.joined": {"type": "date"},
    "profile.seen": {"type": "time"},
    "profile.interests": {"type": "list of text"},
    "profile.levels": {"type": "list of integer", "one_of": [1, 2, 3]},
    "profile.sizes": {"type": "list of integer"},
    "profile.weights": {"type": "list of number"},
    "profile.limit": {"type": "integer"},
    "profile.plan": {"type": "text"},
    "profile.paid": {"type": "boolean"},
    "profile.ends": {"type": "date"},
    "profile.opened": {"type": "time"},
    "profile.app_version": {"type": "version"},
    "profile.ip": {"type": "ip"},
}
_UNITS = {"us": 1, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86_400 * SECOND}


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    group: str
    number: int
    when: Any
    situation: Mapping[str, Any]
    expected: bool | str
    """Whether the condition holds; or the code of the diagnostic; or `refused` and the request's invalid field."""


@cache
def groups() -> dict[str, dict[str, Any]]:
    """The tables of all files, by title."""
    by_title: dict[str, dict[str, Any]] = {}
    for file in sorted(FOLDER.glob("*.yaml")):
        document = compose(file.read_text(encoding="utf-8"))
        assert {problem.code for problem in document.problems} <= {Code.EMPTY}, (file, document.problems)
        assert isinstance(document.data, dict)
        for title, group in document.data.items():
            assert isinstance(group, dict)
            by_title[f"{file.stem}: {title}"] = group
    return by_title


def rows(group: str) -> list[Row]:
    """The rows below a title: [condition, situation, expected], or without a situation."""
    return [
        Row(group, number, cells[0], cells[1] if len(cells) == 3 else {}, cells[-1])
        for number, cells in enumerate(groups()[group]["cases"], 1)
    ]


def load_book(group: Mapping[str, Any], conditions: Mapping[str, Any]) -> LoadedBook:
    """A book with a campaign for each condition."""
    campaigns = {
        name: {"offer": "words", "placements": ["slot"], "when": when} for name, when in conditions.items()
    }
    book = {
        "book": {"name": "table", "timezone": group.get("zone", "UTC")},
        "attributes": ATTRIBUTES,
        "channels": {"web": {"kind": "inbound"}},
        "placements": {"slot": {"channel": "web"}},
        "offers": {"words": {"name": "Words", "content": {"default": {"title": "Words"}}}},
        "campaigns": {**group.get("campaigns", {}), **campaigns},
        **group.get("book", {}),
    }
    return load_files({"book.yaml": json.dumps(book, ensure_ascii=False).encode()})


@cache
def compiled_book(group: str) -> CompiledBook:
    """One book with all conditions of a group, so that its index holds them beside each other."""
    conditions = {f"row-{row.number}": row.when for row in rows(group) if row.expected in (True, False)}
    loaded = load_book(groups()[group], conditions or {"any": {"profile.age": 1}})
    assert loaded.book is not None, loaded.diagnostics
    return compile_book(loaded.book)


def microseconds(text: str) -> int:
    """A span of several terms: 7d, 7d-1us."""
    terms = re.findall(r"([-+]?)(\d+)(us|s|m|h|d)", text)
    assert "".join(map("".join, terms)) == text, text
    return sum(int(f"{sign}{number}") * _UNITS[unit] for sign, number, unit in terms)


def request_of(compiled: CompiledBook, group: Mapping[str, Any], own: Mapping[str, Any]) -> Request:
    """A request about the situation; keys that are no part of a request are attributes of the profile.

    An event is [type, how long ago, fields] or a mapping; a contact: see `_contact`; a trend of complaints, counted by item
    or not at all, is {value: [how many, how many are usual]}.
    """
    situation = {**group.get("situation", {}), **own}
    profile = {key: value for key, value in situation.items() if key not in SITUATION}
    now = datetime.fromisoformat(situation.get("now", NOW))
    document: dict[str, Any] = {
        "customer": "somebody",
        "placement": "slot",
        "profile": {**situation.get("profile", {}), **profile},
        "events": [_event(event, now) for event in situation.get("events", ())],
        **{key: situation[key] for key in ("location", "weather") if key in situation},
    }
    message = from_document(typed(document, compiled.book))
    request = Parser(compiled).parse(message, from_datetime(now))
    made = tuple(_contact(contact, request.now) for contact in situation.get("contacts", ()))
    trends = None
    if "trends" in situation:
        readings = {value: TrendReading(*numbers) for value, numbers in situation["trends"].items()}
        trends = GivenTrends({("complaint", ""): readings, ("complaint", "item"): readings})
    return request._replace(memory=request.memory._replace(contacts=made), trends=trends)


def _event(event: Any, now: datetime) -> dict[str, Any]:
    if isinstance(event, dict):
        return event
    kind, ago, *more = event
    at = now - timedelta(microseconds=microseconds(ago))
    return {"type": kind, "at": at.isoformat(), **(more[0] if more else {})}


def _contact(contact: Any, now: Instant) -> MadeContact:
    """A contact that went out: [campaign, how long ago, {outcome: how long ago}, other fields]; the last two are optional."""
    campaign, ago, *more = contact
    outcomes, fields = (*more, {}, {})[:2]
    return MadeContact(
        now - microseconds(ago),
        campaign,
        fields.get("offer", "words"),
        fields.get("channel", "web"),
        fields.get("went_out", True),
        fields.get("elsewhere", False),
        tuple((outcome, now - microseconds(ago)) for outcome, ago in outcomes.items()),
    )


def errors_of(loaded: LoadedBook) -> set[str]:
    """The codes of a book's errors."""
    return {diagnostic.code for diagnostic in loaded.diagnostics if diagnostic.severity is Severity.ERROR}
