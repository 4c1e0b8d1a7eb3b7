"""What customers themselves said of being contacted: consent that was withdrawn bars a purpose, whatever callers send.

Pure. Each purpose has the latest moment at which it was withdrawn and the latest at which it was given, so the order in which
word of them comes does not matter.
"""

from collections.abc import Iterable, Mapping, Sequence

from engine.decide.pressure.rule import RuleInput, RuleResult
from engine.model.customer import EVERYTHING, Consent, Consents
from engine.model.decision import Reason, ReasonCode, RuleKind
from engine.model.instant import Instant, to_datetime
from engine.model.values import Attributes
from engine.rulebook.model.book import Channel, Kind


def withdrawn_since(consents: Consents, purpose: str) -> Instant | None:
    """Since when the purpose is barred; None: it is not. Withdrawn and given at one moment is withdrawn."""
    about = [consents[name] for name in (purpose, EVERYTHING) if name in consents]
    withdrawn = _latest(one.withdrawn_at for one in about)
    given = _latest(one.given_at for one in about)
    return withdrawn if withdrawn is not None and (given is None or given <= withdrawn) else None


def said(consents: Consents, purpose: str, at: Instant, *, agrees: bool) -> dict[str, Consent]:
    """The consents after the customer agreed to a purpose, or withdrew."""
    before = consents.get(purpose, Consent())
    after = (
        before._replace(given_at=_latest((before.given_at, at)))
        if agrees
        else before._replace(withdrawn_at=_latest((before.withdrawn_at, at)))
    )
    return {**consents, purpose: after}


def stricter(several: Sequence[Consents]) -> dict[str, Consent]:
    """The consents of several who are one person: what is barred for any of them is barred, and nothing else."""
    purposes = sorted({name for one in several for name in one})  # EVERYTHING comes first
    found: dict[str, Consent] = {}
    for purpose in purposes:
        about = [one[purpose] for one in several if purpose in one]
        found[purpose] = Consent(
            _latest(one.withdrawn_at for one in about), _latest(one.given_at for one in about)
        )
        barred = any(withdrawn_since(one, purpose) is not None for one in several)
        if barred is (withdrawn_since(found, purpose) is None):
            found[purpose] = _moved(found, purpose, barred=barred)
    return found


def _moved(found: Consents, purpose: str, *, barred: bool) -> Consent:
    """The consent with the later word, of those for the purpose, being the one that is to hold."""
    about = [found[purpose], found.get(EVERYTHING, Consent())]
    if barred:
        return found[purpose]._replace(withdrawn_at=_latest(one.given_at for one in about))
    return found[purpose]._replace(given_at=(_latest(one.withdrawn_at for one in about) or 0) + 1)


def _latest(moments: Iterable[Instant | None]) -> Instant | None:
    return max((one for one in moments if one is not None), default=None)


class Withdrawal:
    """That a consent was withdrawn, as a rule of contact pressure that holds back for good."""

    __slots__ = ("name", "window")

    kind = RuleKind.CONSENT
    code = ReasonCode.NO_CONSENT

    def __init__(self, purpose: str, since: Instant) -> None:
        self.name = purpose
        self.window = f"withdrawn {to_datetime(since).isoformat(timespec='seconds')}"

    def evaluate(self, case: RuleInput) -> RuleResult:  # noqa: ARG002 a rule like the others
        """Always the same."""
        return RuleResult(self, True, None)

    def opens(self, rule_result: RuleResult, at: Instant, bound: Instant) -> Instant | None:  # noqa: ARG002
        """Never by itself."""
        return None


def purpose_of(channel: Channel) -> str:
    """What a customer withdraws from to hear no more on the channel; empty where he comes to us.

    A channel that needs no consent has a purpose of its own: that nobody has to agree does not mean that nobody can refuse.
    """
    if channel.kind is Kind.INBOUND:
        return ""
    return channel.consent or f"channel:{channel.name}"


def barred_channels(
    channels: Iterable[Channel], attributes: Attributes, consents: frozenset[str]
) -> Mapping[str, Reason]:
    """The channels that are out, each with the reason. Consent that is not given is no; an empty address is none."""
    barred = {}
    for channel in channels:
        if channel.consent is not None and channel.consent not in consents:
            barred[channel.name] = Reason(ReasonCode.NO_CONSENT, channel.name)
        elif channel.address is not None and not attributes.get(channel.address):
            barred[channel.name] = Reason(ReasonCode.UNREACHABLE, channel.name)
    return barred
