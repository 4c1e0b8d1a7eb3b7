"""What settling needs of one request: everything that the pure stages found."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.decide.arbitrate.candidates import Candidate, candidate, channels_to_try
from engine.decide.arbitrate.rank import rank
from engine.decide.compiled import CompiledBook
from engine.decide.experiments.learning import NOTHING_LEARNED, Learned
from engine.decide.experiments.samples import NO_CONVERSIONS, Conversions
from engine.decide.match import match, usable_channels
from engine.decide.pressure.consent import barred_channels
from engine.decide.signals import infer
from engine.decide.signals.infer import NO_CONCLUSIONS, Conclusions
from engine.model.request import Mode, Request
from engine.model.values import Moment


class Evaluation(NamedTuple):
    """One request with its candidates, in rank order."""

    compiled: CompiledBook
    request: Request
    candidates: Sequence[Candidate]
    moment: Moment
    concluded: Conclusions = NO_CONCLUSIONS
    """The signals that hold, and what is to be remembered of them."""
    conversions: Conversions = NO_CONVERSIONS
    """Found when it is settled, where a ramp goes by it."""
    learned: Learned = NOTHING_LEARNED
    """What is known of campaigns that learn."""

    @property
    def is_named(self) -> bool:
        """Whether a retry of the request gets the same answer; a preview is always made anew."""
        return bool(self.request.request_id) and self.request.mode is Mode.COMMIT


def evaluate(compiled: CompiledBook, request: Request, learned: Learned = NOTHING_LEARNED) -> Evaluation:
    """Everything that settling needs of the request: derived, inferred, matched, ranked. Pure."""
    moment = compiled.moment(request.now)
    derived = derive(compiled, request)
    concluded = conclude(compiled, derived, moment)
    known = (
        derived
        if not concluded.attributes
        else derived._replace(attributes={**derived.attributes, **concluded.attributes})
    )
    return Evaluation(
        compiled, known, propose(compiled, known, moment, learned), moment, concluded, learned=learned
    )


def derive(compiled: CompiledBook, request: Request) -> Request:
    """The request with what the book derives from it; what the caller gave goes before."""
    memory = request.memory
    events = (*memory.events, *request.events) if memory.events else request.events
    derived = compiled.derivation.derive(request.attributes, events, request.now, is_new=memory.is_new)
    return request._replace(attributes={**derived, **request.attributes}) if derived else request


def conclude(compiled: CompiledBook, request: Request, moment: Moment) -> Conclusions:
    """The signals that hold, and what is to be remembered of them."""
    signals = compiled.signals
    if signals is None:
        return NO_CONCLUSIONS
    return infer.conclude(signals.compiled, request.attributes, moment, signals.evaluator, request.memory)


def propose(
    compiled: CompiledBook, request: Request, moment: Moment, learned: Learned = NOTHING_LEARNED
) -> list[Candidate]:
    """The eligible campaigns with their channels, best first. Pure: same book, request and learning, same list."""
    compiled_campaigns = match(compiled, request, moment)
    if not compiled_campaigns:
        return []
    ranked = rank(
        compiled_campaigns, request.attributes, moment, compiled.book.salt, request.customer, learned
    )
    usable = usable_channels(compiled, request)
    barred = barred_channels(
        (compiled.book.channels[name] for name in usable), request.attributes, request.consents
    )
    return [
        candidate(
            one, usable if request.placement else channels_to_try(one.compiled_campaign, request), barred
        )
        for one in ranked
    ]
