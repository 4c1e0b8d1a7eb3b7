"""Applies a change: evaluates the same request again with one attribute, consent, channel, moment or rank changed."""

from dataclasses import replace

from engine.decide.arbitrate.campaign import CompiledCampaign, with_rank
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import Evaluation, evaluate
from engine.explain.model import Change, ChangeKind
from engine.model.customer import Memory
from engine.model.instant import Instant
from engine.model.request import Request
from engine.model.values import Value


def evaluate_with(change: Change, evaluation: Evaluation, request: Request, campaign: str) -> Evaluation:
    """The evaluation with the change made; request: as it was before anything was derived from it."""
    compiled, learned = evaluation.compiled, evaluation.learned
    match change.kind:
        case ChangeKind.TIER | ChangeKind.VALUE:
            return evaluate(_repriced(change, compiled, campaign), request, learned)
        case ChangeKind.ATTRIBUTE:
            return evaluate(
                compiled, request._replace(attributes=_with(request, change.name, change.after)), learned
            )
        case ChangeKind.CONSENT:
            return evaluate(compiled, request._replace(consents=request.consents | {change.name}), learned)
        case ChangeKind.CHANNEL:
            channels = () if request.placement else request.channels
            elsewhere = request._replace(placement="", channels=(*channels, change.name), max_offers=1)
            return evaluate(compiled, elsewhere, learned)
        case ChangeKind.PLACEMENT:
            room = compiled.book.placements[change.name].max_offers
            elsewhere = request._replace(placement=change.name, channels=(), max_offers=room)
            return evaluate(compiled, elsewhere, learned)
        case ChangeKind.TIME:
            return evaluate(compiled, at_moment(request, change.after), learned)


def _with(request: Request, name: str, value: Value | None) -> dict[str, Value]:
    attributes = {**request.attributes}
    attributes.pop(name, None)
    return attributes if value is None else {**attributes, name: value}


def at_moment(request: Request, moment: Value | None) -> Request:
    """The request at a later moment; signals that have expired by then do not hold."""
    if not isinstance(moment, int):
        raise TypeError(f"{moment!r} is not a moment")
    return request._replace(now=moment, memory=_remembered(request.memory, moment))


def _remembered(memory: Memory, now: Instant) -> Memory:
    expired = {
        name for name, signal in memory.signals.items() if signal.expires_at and signal.expires_at <= now
    }
    if not expired:
        return memory
    return memory._replace(
        signals={name: signal for name, signal in memory.signals.items() if name not in expired},
        expired=(*memory.expired, *(memory.signals[name] for name in sorted(expired))),
    )


def _repriced(change: Change, compiled: CompiledBook, campaign: str) -> CompiledBook:
    """The book with another tier or value of the campaign."""

    def repriced(compiled_campaign: CompiledCampaign) -> CompiledCampaign:
        if compiled_campaign.campaign.name != campaign or not isinstance(change.after, int | float):
            return compiled_campaign
        if change.kind is ChangeKind.TIER:
            return with_rank(compiled_campaign, tier=int(change.after))
        return with_rank(compiled_campaign, value=float(change.after))

    return replace(compiled, compiled_campaigns=tuple(map(repriced, compiled.compiled_campaigns)))
