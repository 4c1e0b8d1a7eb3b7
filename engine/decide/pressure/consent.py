"""Consent that customers give and withdraw: a withdrawn one bars its purpose, whatever callers send.

Pure. A purpose keeps the latest moment at which consent was withdrawn and the latest at which it was given, so the order in
which they are reported does not matter.
"""

from collections.abc import Iterable, Mapping, Sequence

from engine.decide.pressure.rule import OpensForGood, RuleInput, RuleResult
from engine.model.customer import EVERYTHING, Consent, Consents
from engine.model.decision import Reason, ReasonCode, RuleKind
from engine.model.instant import Instant, to_datetime
from engine.model.values import Attributes
from engine.rulebook.model.book import Channel, Kind


def withdrawn_since(consents: Consents, purpose: str) -> Instant | None:
    """Since when the purpose is barred; None: it is not. If both happened at one moment it is withdrawn."""
    applying = [consents[name] for name in (purpose, EVERYTHING) if name in consents]
    withdrawn = _latest(consent.withdrawn_at for consent in applying)
    given = _latest(consent.given_at for consent in applying)
    return withdrawn if withdrawn is not None and (given is None or given <= withdrawn) else None


def consents_after(consents: Consents, purpose: str, at: Instant, *, agrees: bool) -> dict[str, Consent]:
    """The consents after the customer agreed to a purpose, or withdrew from it."""
    before = consents.get(purpose, Consent())
    after = (
        before._replace(given_at=_latest((before.given_at, at)))
        if agrees
        else before._replace(withdrawn_at=_latest((before.withdrawn_at, at)))
    )
    return {**consents, purpose: after}


_OBJECTION = "objection:"
"""What the purposes of objections to being profiled begin with; no purpose of a book does."""


def objection_to(purpose: str) -> str:
    """The purpose under which an objection to being profiled for a purpose is kept, or for EVERYTHING."""
    return _OBJECTION + purpose


def objections_in(consents: Consents) -> tuple[str, ...]:
    """The purposes for which the customer objects to being profiled, in order."""
    objected = (purpose for purpose in sorted(consents) if purpose.startswith(_OBJECTION))
    return tuple(purpose.removeprefix(_OBJECTION) for purpose in objected if _is_barred(consents[purpose]))


def says_again(consents: Consents, purpose: str, at: Instant, *, agrees: bool) -> dict[str, Consent]:
    """The consents after what the customer says now holds, whatever was said before, and by whichever clock."""
    before = consents.get(purpose, Consent())
    latest = max((moment for moment in before if moment is not None), default=at)
    return consents_after(consents, purpose, max(at, latest + 1 if agrees else latest), agrees=agrees)


def _is_barred(consent: Consent) -> bool:
    withdrawn, given = consent
    return withdrawn is not None and (given is None or given <= withdrawn)


def stricter(parts: Sequence[Consents]) -> dict[str, Consent]:
    """The consents of a person who was known as several: what is barred for any of them is barred, and nothing else."""
    purposes = sorted({purpose for part in parts for purpose in part})  # EVERYTHING comes first
    merged: dict[str, Consent] = {}
    for purpose in purposes:
        if purpose.startswith(_OBJECTION):
            merged[purpose] = _stricter_objection([part[purpose] for part in parts if purpose in part])
            continue
        consents = [part[purpose] for part in parts if purpose in part]
        merged[purpose] = Consent(
            _latest(consent.withdrawn_at for consent in consents),
            _latest(consent.given_at for consent in consents),
        )
        barred = any(withdrawn_since(part, purpose) is not None for part in parts)
        if barred is (withdrawn_since(merged, purpose) is None):
            merged[purpose] = _moved(merged, purpose, barred=barred)
    return merged


def _stricter_objection(consents: Sequence[Consent]) -> Consent:
    """An objection stands by itself: what is said of EVERYTHING that is sent changes nothing of it."""
    withdrawn = _latest(consent.withdrawn_at for consent in consents)
    given = _latest(consent.given_at for consent in consents)
    if any(map(_is_barred, consents)):
        withdrawn = _latest((withdrawn, given))
    return Consent(withdrawn, given)


def _moved(merged: Consents, purpose: str, *, barred: bool) -> Consent:
    """The purpose's consent, with the moment moved that decides whether it is barred."""
    applying = [merged[purpose], merged.get(EVERYTHING, Consent())]
    if barred:
        return merged[purpose]._replace(withdrawn_at=_latest(consent.given_at for consent in applying))
    withdrawn = _latest(consent.withdrawn_at for consent in applying) or 0
    return merged[purpose]._replace(given_at=withdrawn + 1)


def _latest(moments: Iterable[Instant | None]) -> Instant | None:
    return max((moment for moment in moments if moment is not None), default=None)


class Withdrawal(OpensForGood):
    """A withdrawn consent, as a rule of contact pressure that always blocks and never opens by itself."""

    __slots__ = ("name", "window")

    kind = RuleKind.CONSENT

    def __init__(self, purpose: str, since: Instant) -> None:
        self.name = purpose
        self.window = f"withdrawn {to_datetime(since).isoformat(timespec='seconds')}"

    def evaluate(self, rule_input: RuleInput) -> RuleResult:  # noqa: ARG002 a rule like the others
        """Blocks, whatever the input."""
        return RuleResult(self, True, None)


class Objection(OpensForGood):
    """An objection to being profiled, as a rule that always blocks what is personalised and never opens by itself."""

    __slots__ = ("name", "window")

    kind = RuleKind.OBJECTION

    def __init__(self, purpose: str, since: Instant) -> None:
        self.name = purpose
        self.window = f"objected {to_datetime(since).isoformat(timespec='seconds')}"

    def evaluate(self, rule_input: RuleInput) -> RuleResult:  # noqa: ARG002 a rule like the others
        """Blocks, whatever the input."""
        return RuleResult(self, True, None)


def objected_since(consents: Consents, purposes: Iterable[str]) -> tuple[str, Instant] | None:
    """The first of the objections that is in force, and since when; None: none is."""
    for purpose in purposes:
        consent = consents.get(purpose)
        if consent is not None and consent.withdrawn_at is not None and _is_barred(consent):
            return purpose, consent.withdrawn_at
    return None


def objections_of(channel: Channel) -> tuple[str, ...]:
    """The objections that bar what is personalised from the channel: to everything, to its purpose, and to itself."""
    purposes = (EVERYTHING, *((channel.consent,) if channel.consent else ()), own_purpose(channel.name))
    return tuple(map(objection_to, purposes))


def purposes_of(channel: Channel) -> tuple[str, ...]:
    """What a customer may have withdrawn from so that nothing goes out on the channel, or is shown there.

    Its purpose, if it needs consent, and one of its own (`own_purpose`) unless it is inbound.
    """
    if channel.kind is Kind.INBOUND:
        return () if channel.consent is None else (channel.consent,)
    own = own_purpose(channel.name)
    return (own,) if channel.consent is None else (channel.consent, own)


def own_purpose(channel: str) -> str:
    """The purpose that a channel has by its name, whatever consent it needs: a withdrawal outlasts a new name of the other."""
    return f"channel:{channel}"


def reported_purposes(channels: Iterable[Channel], name: str) -> tuple[str, ...]:
    """The purposes that a report on the channel `name` is about.

    The channel's purpose, and the own ones of all channels that have it. Everything where there is no such channel, or one
    that is neither sent on nor needs consent.
    """
    channels = list(channels)
    outbound = [channel for channel in channels if channel.kind is Kind.OUTBOUND]
    reported = next((channel for channel in channels if channel.name == name), None)
    if reported is None or not purposes_of(reported):
        return (EVERYTHING,)
    if reported.consent is None:
        return purposes_of(reported)
    same = [own_purpose(channel.name) for channel in outbound if channel.consent == reported.consent]
    return (reported.consent, *same)


def barred_channels(
    channels: Iterable[Channel], attributes: Attributes, consents: frozenset[str]
) -> Mapping[str, Reason]:
    """The channels that cannot be used, each with the reason: its consent is not given, or its address is missing or empty."""
    barred = {}
    for channel in channels:
        if channel.consent is not None and channel.consent not in consents:
            barred[channel.name] = Reason(ReasonCode.NO_CONSENT, channel.name)
        elif channel.address is not None and not attributes.get(channel.address):
            barred[channel.name] = Reason(ReasonCode.UNREACHABLE, channel.name)
    return barred
