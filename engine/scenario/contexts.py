"""Customers and what differs from them, put together as requests, with every mistake at its place."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from engine.client import from_document
from engine.context import Request
from engine.instant import Instant
from engine.live import LiveBook
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.scenario.shapes import OverrideShape
from engine.scenario.typed import typed
from engine.server.parse import Parser
from engine.server.violations import InvalidRequest, Unsupported

GROUPS = ("profile", "location", "weather")

_PROFILE = re.compile(r"profile\.attributes\[(?P<name>.*)\]")


class Layer(NamedTuple):
    """Keys of a context, and where they are written."""

    data: Mapping[str, Any]
    path: Path


class ContextReader:
    """Reads contexts against one live book."""

    def __init__(self, live: LiveBook, findings: Findings) -> None:
        self._live, self._findings, self._parser = live, findings, Parser(live)
        book = live.book
        self._attributes = [name for name in book.attributes if name.partition(".")[0] in GROUPS]
        self._purposes = {one.consent for one in book.channels.values() if one.consent is not None}

    def layer(self, data: Any, path: Path, shape: type[OverrideShape]) -> Layer | None:
        """What is sound of the data, as a layer of requests; None for data that is no mapping."""
        found = shaped(shape, data, path, self._findings)
        if found is None:
            return None
        sound = {key: getattr(found, key) for key in data if (*path, key) not in self._findings.spoiled}
        for group in GROUPS:
            if group in sound:
                sound[group] = self._declared(group, sound[group], (*path, group))
        self.check_names(sound, path)
        return Layer(sound, path)

    def check_names(self, data: Mapping[str, Any], path: Path) -> None:
        """Report channels, placements and consents that the book does not have."""
        book = self._live.book
        for key, noun, names in (
            ("consents", "consent", self._purposes),
            ("preferred_channels", "channel", book.channels),
            ("channels", "channel", book.channels),
        ):
            for index, name in enumerate(data.get(key, ())):
                self._know(name, noun, names, (*path, key, index))
        if data.get("placement") is not None:
            self._know(data["placement"], "placement", book.placements, (*path, "placement"))

    def _know(self, name: str, noun: str, names: Collection[str], path: Path) -> None:
        """Report a name that is none of the names, here and not once more where requests are made."""
        if name not in names:
            hint = self._findings.suggest(name, names) or f"there are: {', '.join(sorted(names)) or 'none'}"
            self._findings.error(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint)
            self._findings.spoil(path[:-1] if isinstance(path[-1], int) else path)

    def request(self, customer: str, layers: Sequence[Layer], now: Instant, path: Path) -> Request | None:
        """The request of the layers, the later ones over the earlier; None after reporting what is wrong."""
        origins: dict[str, Path] = {}
        document: dict[str, Any] = {}
        for layer in layers:
            _lay(layer.data, document, layer.path, "", origins)
        document["customer"] = customer
        try:
            return self._parser.parse(from_document(typed(document, self._live.book)), now)
        except InvalidRequest as error:
            for each in error.violations:
                self._report(_short(each.field), each.description, origins, path)
        except (ValueError, OverflowError, Unsupported) as error:
            self._report(*divided(str(error)), origins, path)
        return None

    def _report(self, where: str, message: str, origins: Mapping[str, Path], path: Path) -> None:
        known = where
        while known and known not in origins:
            known = known.rpartition(".")[0]
        text = f"{where}: {message}" if where else message
        self._findings.error(origins.get(known, path), Code.VALUE, text)

    def _declared(self, prefix: str, values: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The values of attributes that there are; the others are reported."""
        found = {}
        for key, value in values.items():
            name, here = f"{prefix}.{key}", (*path, key)
            if isinstance(value, dict):
                found[key] = self._declared(name, value, here)
            elif name in self._attributes:
                found[key] = value
            else:
                hint = self._findings.suggest(name, self._attributes)
                message = f"the book declares no attribute {quote(name)}"
                self._findings.key_error(here, Code.UNKNOWN, message, hint)
        return found


def _lay(
    data: Mapping[str, Any], onto: dict[str, Any], path: Path, prefix: str, origins: dict[str, Path]
) -> None:
    """Lays the data over what is there: mappings key by key, anything else as a whole; a null takes away."""
    for key, value in data.items():
        name, here = f"{prefix}{key}", (*path, key)
        origins[name] = here
        if isinstance(value, dict):
            below = onto.get(key)
            onto[key] = below = dict(below) if isinstance(below, dict) else {}
            _lay(value, below, here, f"{name}.", origins)
        elif value is None:
            onto.pop(key, None)
        elif not (key == "customer" and not prefix):
            onto[key] = value


def divided(message: str) -> tuple[str, str]:
    """Where something is wrong, as far as the message says it, and what."""
    where, colon, rest = message.partition(": ")
    return (where, rest) if colon else ("", message)


def _short(field: str) -> str:
    """A field of the request as scenario files call it."""
    field = field.removeprefix("context.")
    if found := _PROFILE.fullmatch(field):
        return f"profile.{found['name']}"
    if field.startswith("profile.") and field.rpartition(".")[2] in ("consents", "preferred_channels"):
        return field.removeprefix("profile.")
    return field
