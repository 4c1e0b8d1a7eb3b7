"""An auditor who knows the rules and reads the log as a stranger would, with SQL, to see whether it went by them.

He knows nothing of the engine but its tables. Everything he needs stands in them: who was asked about, when, with which
attributes, what was answered, what was reported later (persons move when names are linked, so callers name the customer in the
outcome's item). Only the links are told to him, as the callers made them. The numbers
in the ids of requests and events say in which order things happened. He goes through the log from the beginning, decides each
request by the naive reading of the rules (tests/pressure/reference.py), and compares.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from engine.model.contact import Contact, Facts
from engine.model.outcome import PastOutcome
from engine.rulebook.model.book import Book
from tests.decide.pressure import reference
from tests.logs import Log

RELEASING = ("bounced", "not_sent", "cancelled")
NEUTRAL = ("subscribed",)


class Made(NamedTuple):
    """A contact, as the answer of its decision has it."""

    step: str
    name: str
    decision_id: str
    at: int
    expires_at: int | None
    facts: Facts


class Report(NamedTuple):
    """A row of `outcomes`."""

    step: str
    decision_id: str | None
    name: str
    type: str
    at: int
    channel: str
    campaign: str


class Asked(NamedTuple):
    """A row of `decisions`."""

    step: str
    decision_id: str
    name: str
    at: int
    placement: str | None
    inputs: Mapping[str, Any]
    offers: Sequence[tuple[str, str]]
    """Campaign and channel."""


@dataclass
class Auditor:
    """One audit. links: in order, each with its step. best: the campaigns by rank."""

    book: Book
    log: Log
    links: Sequence[tuple[str, Sequence[str]]]
    best: Sequence[str]

    def __post_init__(self) -> None:
        """Reads the log."""
        self.contacts: list[Made] = []
        self.asked: list[Asked] = []
        for row in self.log.rows(
            "select request_id, decision_id, person, at, placement, inputs, answer from decisions order by request_id"
        ):
            self._take(*row)
        names = {one.decision_id: one.name for one in self.asked}
        self.reports = [
            Report(step, decision_id, names.get(decision_id) or json.loads(fields)["item"], *rest)
            for step, decision_id, fields, *rest in self.log.rows(
                "select event_id, decision_id, fields, type, at, channel, campaign from outcomes order by event_id"
            )
        ]

    def violations(self) -> Iterator[str]:
        """What was decided otherwise than the rules say."""
        for one in self.asked:
            wanted = self._by_the_rules(one)
            if wanted != list(one.offers):
                yield f"{one.step} {one.name} at {one.at}: {one.offers} instead of {wanted}"

    def _take(self, step: str, decision_id: str, person: str, at: int, placement: str, *texts: str) -> None:
        inputs, answer = map(json.loads, texts)
        name = inputs.get("customer", person)
        offers = [(campaign, channel) for campaign, _, _, channel, *_ in answer[5]]
        self.asked.append(Asked(step, decision_id, name, at, placement, inputs, offers))
        self.contacts += [
            Made(step, name, decision_id, at, expires_at, self._facts(campaign, channel))
            for campaign, _, _, channel, *_, expires_at in answer[5]
        ]

    def _facts(self, campaign: str, channel: str) -> Facts:
        said = self.book.campaigns[campaign]
        kind = self.book.channels[channel].kind
        return Facts(channel, kind, campaign, said.offer, said.category, self.book.offers[said.offer].tags)

    def _by_the_rules(self, one: Asked) -> list[tuple[str, str]]:
        """The offers that there should be, each counted for the next."""
        found: list[tuple[str, str]] = []
        history = [
            found
            for made in self.contacts
            if made.step < one.step and made.name in self._together(one)
            for found in self._as_known(made, one.step)
        ]
        most = self.book.placements[one.placement].max_offers if one.placement else 1
        for campaign in self.best:
            for channel in self._channels(campaign, one):
                facts = self._facts(campaign, channel)
                if len(found) < most and not self._held_back(one, facts, history):
                    found.append((campaign, channel))
                    history.append(Contact(one.at, None, facts))
                    break
        return found

    def _channels(self, campaign: str, one: Asked) -> Sequence[str]:
        if one.placement:
            return (self.book.placements[one.placement].channel,)
        asked = one.inputs["channels"]
        return [name for name in self.book.campaigns[campaign].channels if name in asked]

    def _held_back(self, one: Asked, facts: Facts, history: Sequence[Contact]) -> bool:
        attributes = one.inputs["attributes"]
        customer_limits = {name: value for name, value in attributes.items() if name == "profile.wish"}
        book = self.book.timezone
        zone = ZoneInfo(attributes["profile.time_zone"]) if "profile.time_zone" in attributes else book
        zones = {"customer": [zone], "book": [book]}
        said = self.book.pressure
        rules: list[reference.Policy] = [
            *said.caps.values(),
            *said.gaps.values(),
            *said.quiet.values(),
            *said.pauses.values(),
        ]
        blocked = reference.blockers(
            rules, facts, history, customer_limits, zones, one.at, list(self._happened(one))
        )
        return bool(blocked) or self._unwanted(one, facts.channel)

    def _as_known(self, made: Made, step: str) -> Iterator[Contact]:
        """The contact as it stood by what was reported before the step; nothing, where it did not arrive."""
        words = [
            (one.at, one.type not in RELEASING)
            for one in self.reports
            if one.decision_id == made.decision_id
            and one.step < step
            and one.type not in NEUTRAL
            and one.campaign in ("", made.facts.campaign)
        ]
        if not words:
            yield Contact(made.at, made.expires_at, made.facts)
        elif max(words)[1]:
            yield Contact(made.at, None, made.facts)

    def _happened(self, one: Asked) -> Iterator[PastOutcome]:
        """What was reported of the person before the step."""
        for each in self.reports:
            if each.step < one.step and each.name in self._together(one):
                offer = self.book.campaigns[each.campaign].offer if each.campaign else ""
                yield PastOutcome(
                    each.type, each.at, each.channel, each.campaign, offer, each.decision_id or ""
                )

    def _unwanted(self, one: Asked, channel: str) -> bool:
        """Whether the customer wants no more on the channel: each channel of these books has a purpose of its own."""
        if self.book.channels[channel].kind == "inbound":
            return False
        return self._word(one.step, one.name, channel)[0]

    def _word(self, step: str, name: str, channel: str) -> tuple[bool, int]:
        """Whether it was withdrawn, and when the last word of it came; of two who become one the stricter word holds."""
        words = dict.fromkeys(self._together_by(step, name), (False, -1))
        told = [(one.step, one) for one in self.reports if one.channel == channel and one.step < step]
        acts: list[tuple[str, Any]] = [*told, *(each for each in self.links if each[0] < step)]
        for when, act in sorted(acts, key=lambda each: each[0]):
            if isinstance(act, Report):
                if act.name in words and act.type in ("unsubscribed", "subscribed"):
                    word = _later(words[act.name], act.type == "unsubscribed", act.at)
                    words.update(dict.fromkeys(self._together_by(when, act.name), word))
            elif any(each in words for each in act):
                everybody = {other for each in act for other in self._together_by(when, each)} | {*act}
                each = [words.get(other, (False, -1)) for other in everybody]
                word = (any(withdrawn for withdrawn, _ in each), max(at for _, at in each))
                words.update(dict.fromkeys(everybody, word))
        return words[name]

    def _together(self, one: Asked) -> set[str]:
        return self._together_by(one.step, one.name)

    def _together_by(self, step: str, name: str) -> set[str]:
        """All names of the person before the step."""
        groups: dict[str, set[str]] = {}
        for when, names in self.links:
            if when < step:
                joined = {other for each in names for other in groups.get(each, {each})}
                groups.update(dict.fromkeys(joined, joined))
        return groups.get(name, {name})


def _later(word: tuple[bool, int], withdrawn: bool, at: int) -> tuple[bool, int]:
    """The word that holds: the later one, and of one moment that which withdraws."""
    before, when = word
    return (withdrawn, at) if at > when else (before or (withdrawn and at == when), when)
