"""The decision procedure: context, attributes, signals, match, arbitrate, settle. There is one, whoever asks."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from engine.arbitrate.propose import Candidate, candidate, channels_to_try
from engine.arbitrate.rank import rank
from engine.conditions.model import Moment
from engine.context import Request
from engine.decision import Decision
from engine.gather import gather
from engine.learning.learned import NOTHING_LEARNED, Learned
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.store import Store
from engine.live import LiveBook
from engine.match import match, usable_channels
from engine.pressure.reach import barred_channels
from engine.settle.ask import Ask
from engine.settle.degraded import degraded
from engine.settle.ledger import Ledger
from engine.settle.people import Linked, Linking
from engine.settle.recording import Recorded, Recording
from engine.settle.reporting import Reporting
from engine.signals import infer
from engine.signals.infer import NO_CONCLUSIONS, Conclusions
from engine.weather import Weather

_T = TypeVar("_T")


class Engine:
    """Decides by a live book, and settles in a ledger."""

    def __init__(
        self,
        live: LiveBook,
        ledger: Ledger,
        weather: Weather | None = None,
        learned: Learned = NOTHING_LEARNED,
    ) -> None:
        self.live = live
        self.learned = learned
        self._ledger = ledger
        self._weather = weather

    def check_room(self, requests: int) -> None:
        """Raises LedgerFull where so many more would be refused now: before anything is done for them."""
        self._ledger.check_room(requests)

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """Decides one request; deadline on time.monotonic's clock.

        Raises LedgerError when it could not be kept, and there is nothing to say without.
        """
        try:
            (asked,) = await self.ask_all((request,), deadline=deadline)
            return await self.settle(asked, deadline=deadline)
        except LedgerUnavailable:
            if (stand_in := degraded(ask(self.live, request))) is None:
                raise
            return stand_in

    async def settle(self, asked: Ask, *, deadline: float | None = None) -> Decision:
        """Settles one. Raises LedgerError when the decision could not be kept."""
        (answer,) = await self._ledger.submit((asked,), deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        return answer

    async def settle_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Decides the requests in one settlement; the error of a single request stands in its place."""
        try:
            asks = await self.ask_all(requests, deadline=deadline)
            return await self.settle_asks(asks, deadline=deadline)
        except LedgerUnavailable as error:
            stand_ins = [degraded(ask(self.live, request)) for request in requests]
            if not any(stand_ins):
                raise
            return [one or error for one in stand_ins]

    async def settle_asks(
        self, asks: Sequence[Ask], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """Settles what was asked in one settlement; the error of a single one stands in its place."""
        return await self._ledger.submit(asks, deadline=deadline)

    async def ask_all(self, requests: Sequence[Request], *, deadline: float | None = None) -> list[Ask]:
        """What would be settled for the requests: everything before the ledger."""
        known = await self.gather(requests, deadline=deadline)
        return [ask(self.live, request, self.learned) for request in known]

    async def gather(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Request]:
        """The requests with what is remembered of their customers, and the weather, as far as the book wants it."""
        if self.live.recall is None and self._weather is None:
            return requests
        return await gather(self.live, self._ledger.reader, self._weather, requests, deadline)

    async def look(self, read: Callable[[Store], _T], *, deadline: float | None = None) -> _T:
        """What `read` finds in the log. Raises LedgerError when it cannot be read."""
        return await self._ledger.reader.look(read, deadline=deadline)

    async def record(
        self, recordings: Sequence[Recording | Reporting], *, deadline: float | None = None
    ) -> Sequence[Recorded | LedgerError]:
        """Keeps events and outcomes in one settlement, and what they lead to."""
        return await self._ledger.record(recordings, deadline=deadline)

    async def link(self, linking: Linking, *, deadline: float | None = None) -> Linked:
        """Makes the names one person's. Raises LedgerError when that could not be kept."""
        answer = await self._ledger.link(linking, deadline=deadline)
        if isinstance(answer, LedgerError):
            raise answer
        return answer


def ask(live: LiveBook, request: Request, learned: Learned = NOTHING_LEARNED) -> Ask:
    """Everything that settling needs of the request: derived, inferred, matched, ranked. Pure."""
    moment = live.moment(request.now)
    derived = derive(live, request)
    concluded = conclude(live, derived, moment)
    known = (
        derived
        if not concluded.attributes
        else derived._replace(attributes={**derived.attributes, **concluded.attributes})
    )
    return Ask(live, known, propose(live, known, moment, learned), moment, concluded, learned=learned)


def derive(live: LiveBook, request: Request) -> Request:
    """The request with what the book derives from it; what the caller gave goes before."""
    memory = request.memory
    events = (*memory.events, *request.events) if memory.events else request.events
    derived = live.derivation.derive(request.attributes, events, request.now, is_new=memory.is_new)
    return request._replace(attributes={**derived, **request.attributes}) if derived else request


def conclude(live: LiveBook, request: Request, moment: Moment) -> Conclusions:
    """The signals that hold, and what is to be remembered of them."""
    signals = live.signals
    if signals is None:
        return NO_CONCLUSIONS
    return infer.conclude(signals.compiled, request.attributes, moment, signals.evaluator, request.memory)


def propose(
    live: LiveBook, request: Request, moment: Moment, learned: Learned = NOTHING_LEARNED
) -> list[Candidate]:
    """The eligible campaigns with their channels, best first. Pure: same book, request and learning, same list."""
    plans = match(live, request, moment)
    if not plans:
        return []
    ranked = rank(plans, request.attributes, moment, live.book.salt, request.customer, learned)
    usable = usable_channels(live, request)
    barred = barred_channels(
        (live.book.channels[name] for name in usable), request.attributes, request.consents
    )
    return [
        candidate(one, usable if request.placement else channels_to_try(one.plan, request), barred)
        for one in ranked
    ]
