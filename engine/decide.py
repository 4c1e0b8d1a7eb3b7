"""The decision procedure: context, attributes, match, arbitrate, settle. There is one, whoever asks."""

from collections.abc import Sequence

from engine.arbitrate.propose import Candidate, candidate, channels_to_try
from engine.arbitrate.rank import rank
from engine.conditions.model import Moment
from engine.context import Request
from engine.decision import Decision
from engine.ledger.errors import LedgerError
from engine.ledger.writer import GroupWriter
from engine.live import LiveBook
from engine.match import match, usable_channels
from engine.pressure.reach import barred_channels
from engine.settle.ask import Ask

Ledger = GroupWriter[Ask, Decision]


class Engine:
    """Decides by a live book, and settles in a ledger."""

    def __init__(self, live: LiveBook, ledger: Ledger) -> None:
        self.live = live
        self._ledger = ledger

    async def decide(self, request: Request, *, deadline: float | None = None) -> Decision:
        """Decides one request. Raises LedgerError when the decision could not be kept."""
        return (await self.decide_all([request], deadline=deadline))[0]

    async def decide_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> list[Decision]:
        """Decides the requests in one settlement; deadline on time.monotonic's clock."""
        answers = await self.settle_all(requests, deadline=deadline)
        for one in answers:
            if isinstance(one, LedgerError):
                raise one
        return [one for one in answers if isinstance(one, Decision)]

    async def settle_all(
        self, requests: Sequence[Request], *, deadline: float | None = None
    ) -> Sequence[Decision | LedgerError]:
        """The same, with the error of a single request in its place."""
        live = self.live
        asks = [ask(live, request) for request in requests]
        return await self._ledger.submit(asks, deadline=deadline)


def ask(live: LiveBook, request: Request) -> Ask:
    """Everything that settling needs of the request."""
    moment = live.moment(request.now)
    return Ask(live, request, propose(live, request, moment), moment)


def propose(live: LiveBook, request: Request, moment: Moment) -> list[Candidate]:
    """The eligible campaigns with their channels, best first. Pure: same book and request, same list."""
    plans = match(live, request, moment)
    if not plans:
        return []
    ranked = rank(plans, request.attributes, moment, live.book.salt, request.customer)
    usable = usable_channels(live, request)
    barred = barred_channels(
        (live.book.channels[name] for name in usable), request.attributes, request.consents
    )
    return [
        candidate(one, usable if request.placement else channels_to_try(one.plan, request), barred)
        for one in ranked
    ]
