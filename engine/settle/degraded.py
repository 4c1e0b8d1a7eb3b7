"""When nothing can be settled: what may be said all the same.

An inbound placement shows its fallback, which uses up no pressure. Everything else is refused, since without the log nobody
knows how often a customer was addressed, and silence is safer than one contact too many.
"""

from engine.context import Mode
from engine.decision import Decision, Outcome, Reason, ReasonCode
from engine.settle.answer import fallback_offer
from engine.settle.ask import Ask


def degraded(ask: Ask) -> Decision | None:
    """The fallback of the request's placement, kept nowhere; None where it has none, and for a preview."""
    request, placement = ask.request, ask.request.placement
    if request.mode is Mode.PREVIEW or not placement or ask.live.fallbacks[placement] is None:
        return None
    return Decision(
        decision_id="",
        request_id=request.request_id,
        at=request.now,
        outcome=Outcome.FALLBACK,
        book_version=ask.live.book.version,
        offers=(fallback_offer(ask),),
        reasons=(Reason(ReasonCode.DEGRADED, placement), Reason(ReasonCode.FALLBACK, placement)),
        degraded=True,
    )
