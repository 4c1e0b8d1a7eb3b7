"""What the services in Python share, as their authors would write it: rules from a file, caps, a choice, its content."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from uuid_utils.compat import uuid7

Campaign = Mapping[str, Any]


class MadeContact(NamedTuple):
    channel: str
    at: float
    """Seconds since 1970, as of all moments here."""
    expires_at: float


class Customer(NamedTuple):
    name: str
    attributes: Mapping[str, Any]
    consents: Sequence[str]
    city: str | None
    temperature: float | None

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "city": self.city,
            "temperature": self.temperature,
            "segment": self.attributes.get("segment"),
        }


class Answer(NamedTuple):
    decision_id: str
    outcome: str
    """offer, blocked or nothing."""
    campaign: str = ""
    offer: str = ""
    variant: str = ""
    channel: str = ""
    content: Mapping[str, str] = {}


class Rules:
    def __init__(self, file: Path) -> None:
        written = json.loads(file.read_text(encoding="utf-8"))
        self.campaigns: list[Campaign] = written["campaigns"]
        self.window, self.hold = written["window_seconds"], written["hold_seconds"]
        self._channels, self._caps = written["channels"], written["caps"]

    def decide(
        self, customer: Customer, matching: Iterable[int], contacts: Iterable[MadeContact], now: float
    ) -> Answer:
        """The best campaign on the first of its channels that consent, address and caps allow."""
        decision_id = str(uuid7())
        eligible = sorted((self.campaigns[number] for number in matching), key=lambda own: -own["value"])
        if not eligible:
            return Answer(decision_id, "nothing")
        allowed = self._allowed(customer, contacts, now)
        for campaign in eligible:
            for channel in campaign["channels"]:
                if channel in allowed:
                    return self._offer(decision_id, customer, campaign, channel)
        return Answer(decision_id, "blocked")

    def _allowed(self, customer: Customer, contacts: Iterable[MadeContact], now: float) -> set[str]:
        counted = [
            contact.channel
            for contact in contacts
            if contact.at > now - self.window and contact.expires_at > now
        ]
        return {
            name
            for name, channel in self._channels.items()
            if channel["consent"] in customer.consents
            and customer.attributes.get(channel["address"])
            and all(
                (counted.count(cap["channel"]) if cap["channel"] else len(counted)) < cap["limit"]
                for cap in self._caps
                if cap["channel"] in ("", name)
            )
        }

    def _offer(self, decision_id: str, customer: Customer, campaign: Campaign, channel: str) -> Answer:
        drawn = int.from_bytes(sha256(f"{campaign['name']}/{customer.name}".encode()).digest()[:4], "big")
        variants = campaign["variants"]
        variant = variants[drawn % len(variants)]
        values = {
            "profile.first_name": customer.attributes.get("first_name"),
            "weather.temperature_c": customer.temperature,
            "location.city": customer.city,
        }
        content = {field: _rendered(text, values) for field, text in variant["content"].items()}
        return Answer(
            decision_id, "offer", campaign["name"], campaign["offer"], variant["name"], channel, content
        )


_PLACEHOLDER = re.compile(r"\{([a-z_.]+)\|([^}]*)\}")


def _rendered(text: str, values: Mapping[str, Any]) -> str:
    def filled(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            return match[2]
        return f"{value:g}" if isinstance(value, float) else str(value)

    return _PLACEHOLDER.sub(filled, text)
