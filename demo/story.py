"""Runs the demo and reports its results as plain values, for the screen and for JSON."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from google.rpc.status_pb2 import Status

from demo.households import Household, city_of, households, request_of
from demo.measured import Measured, measure
from demo.outcomes import reports
from demo.server import DemoError, Server
from demo.tally import Answered, Logged, Tally, blocking, most, next_allowed_at, outcome_of, read_log, tally
from demo.words import in_words
from engine.api.v1.decisions_pb2 import OUTCOME_OFFER, DecideRequest, DecideResponse
from engine.client import Client, TactError, error_of_status, request

MOMENTS = tuple(
    map(
        datetime.fromisoformat,
        ("2026-03-10T10:00+08:00", "2026-03-12T10:30+08:00", "2026-03-14T10:00+08:00"),
    )
)
"""A Tuesday, and two and four days later."""


NOON = MOMENTS[0].replace(hour=12)


A_WEEK_LATER = MOMENTS[0] + timedelta(days=7)
"""When the first contacts leave the weekly cap's window."""


PLACEMENT = "homepage-hero"


CAP = "weekly-outbound"


SERVICE = "points-notice"
"""The offer of the service campaign, which the cap does not hold back."""


_TIMEOUT = 30.0


_BATCH = 500


Progress = Callable[[str, int], None]
"""Called with the current stage, and the number of households answered so far."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The answer for one customer."""

    customer: str
    where: str
    outcome: str
    campaign: str = ""
    offer: str = ""
    variant: str = ""
    channel: str = ""
    content: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A message that pressure rules held back, and until when."""

    customer: str
    at: str
    blocked_by: list[str]
    next_allowed_at: str | None


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The demo's results; the fields are the keys of `tact demo --json`."""

    households: int
    book_version: str
    march_day: list[Shown]
    """Harbin at 3 °C and Shenzhen at 25 °C, at the same time."""
    rounds: list[Tally]
    held: HeldBack | None
    website: list[Shown]
    explained: str
    """The household whose decision is explained, and its time."""
    explanation: list[str]
    acknowledged: int
    logged: Logged
    reported: dict[str, int]
    """Outcomes that were reported, by type."""
    measured: Measured
    seconds: float


def run_demo(folder: Path, progress: Progress) -> DemoReport:
    """Run the demo against a server of its own; raises DemoError if anything is not as it should be."""
    started = time.monotonic()
    try:
        with Server(folder) as server, Client(server.target, timeout=_TIMEOUT) as tact:
            run = _decide(tact, progress)
            reported = _report(tact, run, progress)
            progress("stopping the server", len(households()))
            code = server.stop()
    except TactError as error:
        raise DemoError(f"the server refused: {error}") from error
    if code != 0:
        raise DemoError(f"the server ended with exit code {code}; see {server.messages}")
    logged = _read_log(server.log)
    if logged.decisions != run.acknowledged:
        raise DemoError(f"{run.acknowledged} decisions were acknowledged, but {logged.decisions} are logged")
    progress("measuring", len(households()))
    measured = measure(server.log)
    return run.report(logged, reported, measured, time.monotonic() - started)


def _read_log(file: Path) -> Logged:
    try:
        return read_log(file)
    except sqlite3.Error as error:
        raise DemoError(f"the log {file} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class _Round:
    """The answers for every household at one time."""

    tally: Tally
    answered: list[Answered]


@dataclass(frozen=True, slots=True)
class _Run:
    """The server's answers."""

    march_day: list[Shown]
    rounds: list[_Round]
    website: list[Shown]
    explained: str
    explanation: list[str]
    acknowledged: int

    def report(
        self, logged: Logged, reported: dict[str, int], measured: Measured, seconds: float
    ) -> DemoReport:
        last = self.rounds[-1].answered
        return DemoReport(
            len(households()),
            last[0][1].book_version,
            self.march_day,
            [decided.tally for decided in self.rounds],
            _held(last),
            self.website,
            self.explained,
            self.explanation,
            self.acknowledged,
            logged,
            reported,
            measured,
            round(seconds, 3),
        )


def _decide(tact: Client, progress: Progress) -> _Run:
    march_day = _march_day()
    previews = [tact.decide(request) for request in march_day]
    rounds = [_round(tact, moment, progress) for moment in MOMENTS]
    visitors = _visitors()
    visits = [tact.decide(request) for request in visitors]
    example = _worth_explaining(rounds[0].answered)
    why = tact.explain(request_of(example, A_WEEK_LATER))
    return _Run(
        list(map(_shown, previews, march_day)),
        rounds,
        list(map(_shown, visits, visitors)),
        f"{example.customer} in {city_of(example).name}, {A_WEEK_LATER:%Y-%m-%d %H:%M}",
        in_words(why),
        _acknowledged(visits)
        + sum(_acknowledged(answer for _, answer in decided.answered) for decided in rounds),
    )


def _report(tact: Client, run: _Run, progress: Progress) -> dict[str, int]:
    """Reports what the households did. After all decisions: so outcomes change none of them."""
    progress("reporting outcomes", len(households()))
    outcomes = reports([decided.answered for decided in run.rounds], MOMENTS)
    for start in range(0, len(outcomes), _BATCH):
        tact.record(outcomes[start : start + _BATCH]).raise_for_errors()
    return most(outcome.event.type for outcome in outcomes)


def _acknowledged(answers: Iterable[DecideResponse]) -> int:
    """How many answers name a logged decision."""
    return sum(bool(answer.decision_id) for answer in answers)


def _round(tact: Client, moment: datetime, progress: Progress) -> _Round:
    started = time.monotonic()
    answered = _decide_all(tact, moment, progress)
    return _Round(tally(moment, time.monotonic() - started, answered), answered)


def _decide_all(tact: Client, now: datetime, progress: Progress) -> list[Answered]:
    stage = f"deciding, {now:%a %d %b %H:%M}"
    progress(stage, 0)
    answers = tact.decide_many(
        (request_of(household, now) for household in households()),
        batch_size=_BATCH,
        on_progress=lambda done: progress(stage, done),
    )
    return [(household, _decision(answer)) for household, answer in zip(households(), answers, strict=True)]


def _decision(answer: DecideResponse | Status) -> DecideResponse:
    if isinstance(answer, Status):
        raise error_of_status(answer)
    return answer


def _march_day() -> list[DecideRequest]:
    """Previews for two customers who differ only in the weather."""
    cities = (("Harbin", 3.0, 30.0), ("Shenzhen", 25.0, 75.0))
    return [
        request(
            f"a customer in {city}",
            profile={"wechat_openid": f"demo-openid-{city}"},
            consents=["wechat"],
            location={"country": "CN", "city": city},
            weather={"temperature_c": temperature, "humidity_pct": humidity},
            mode="preview",
            now=MOMENTS[0],
        )
        for city, temperature, humidity in cities
    ]


def _visitors() -> list[DecideRequest]:
    """Visitors of the website: a household in Harbin, one in Shenzhen, and an unknown visitor."""
    known = [
        next(
            request_of(household, NOON, placement=PLACEMENT)
            for household in households()
            if city_of(household).name == city
        )
        for city in ("Harbin", "Shenzhen")
    ]
    return [*known, request("an unknown visitor", placement=PLACEMENT, now=NOON)]


def _worth_explaining(answered: Sequence[Answered]) -> Household:
    """A household in the north with an offer, and with enough known about it for several campaigns."""
    return next(
        household
        for household, answer in answered
        if answer.outcome == OUTCOME_OFFER
        and household.household_size
        and household.household_size >= 3
        and answer.offers[0].offer == "rich-cream"
    )


def _shown(answer: DecideResponse, request: DecideRequest) -> Shown:
    location, weather = request.context.location, request.context.weather
    where = (
        f"{location.city}, {weather.temperature_c:g} °C, {weather.humidity_pct:g} % humidity"
        if location.city
        else ""
    )
    if not answer.offers:
        return Shown(request.customer.id, where, outcome_of(answer))
    offer = answer.offers[0]
    return Shown(
        request.customer.id,
        where,
        outcome_of(answer),
        offer.campaign,
        offer.offer,
        offer.variant,
        offer.channel,
        dict(offer.content),
    )


def _held(answered: Sequence[Answered]) -> HeldBack | None:
    """The first message that only the weekly cap holds back."""
    for household, answer in answered:
        if blocking(answer) == [CAP]:
            at = next_allowed_at(answer, MOMENTS[-1])
            return HeldBack(household.customer, MOMENTS[-1].isoformat(), list(answer.blocked_by), at)
    return None
