"""The book and the requests of this suite, for Tact and as plain data for the services beside it."""

import json
from pathlib import Path
from typing import Any

from bench import books
from bench.books import CAMPAIGNS, CUSTOMERS, customer
from engine.api.v1.decisions_pb2 import DecideRequest

bodies = books.bodies


def book(campaigns: int = CAMPAIGNS) -> dict[str, Any]:
    """The book of the service, with a value of its own for each campaign: ties are broken by a hash that is Tact's own."""
    written = books.book(campaigns)
    for number, campaign in enumerate(written["campaigns"].values()):
        campaign["value"] = 1 + number * 389 % CAMPAIGNS / CAMPAIGNS
    return written


def plain(campaigns: int = CAMPAIGNS) -> dict[str, Any]:
    """The same rules as a program of somebody else's would keep them."""
    written = book(campaigns)
    return {
        "campaigns": [_campaign(name, campaign) for name, campaign in written["campaigns"].items()],
        "channels": {
            name: {"address": channel["address"].removeprefix("profile."), "consent": channel["consent"]}
            for name, channel in written["channels"].items()
        },
        "caps": [
            {"limit": cap["limit"], "channel": cap["count"].get("channel", "")}
            for cap in written["pressure"]["caps"].values()
        ],
        "window_seconds": 7 * 86_400,
        "hold_seconds": 86_400,
    }


def _campaign(name: str, campaign: dict[str, Any]) -> dict[str, Any]:
    when = campaign["when"]
    return {
        "name": name,
        "offer": campaign["offer"],
        "value": campaign["value"],
        "city": when["location.city"],
        "temperature": when["weather.temperature_c"]["gte"],
        "segment": when["profile.segment"],
        "channels": campaign["channels"],
        "variants": [
            {"name": variant, "content": written["content"]["default"]}
            for variant, written in campaign["variants"].items()
        ],
    }


def write_plain(file: Path, campaigns: int = CAMPAIGNS) -> Path:
    """Writes the plain rules as JSON; returns the file."""
    file.write_text(json.dumps(plain(campaigns), indent=1), encoding="utf-8")
    return file


def as_json(body: bytes) -> bytes:
    """A serialised request as the JSON that a caller over HTTP would write."""
    message = DecideRequest.FromString(body)
    profile, location, weather = message.context.profile, message.context.location, message.context.weather
    document: dict[str, Any] = {
        "customer": {"id": message.customer.id},
        "context": {
            "profile": {
                "language": profile.language,
                "time_zone": profile.time_zone,
                "consents": list(profile.consents),
                "attributes": {name: _value(value) for name, value in profile.attributes.items()},
            },
            "location": {field.name: value for field, value in location.ListFields()},
            "weather": {field.name: value for field, value in weather.ListFields()},
        },
    }
    if message.request_id:
        document["request_id"] = message.request_id
    return json.dumps(document, separators=(",", ":")).encode()


def _value(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    return list(value.texts.values) if kind == "texts" else getattr(value, kind)


__all__ = ["CAMPAIGNS", "CUSTOMERS", "as_json", "bodies", "book", "customer", "plain", "write_plain"]
