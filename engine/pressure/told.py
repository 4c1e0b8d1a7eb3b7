"""What the customer told us, beside what we told him: consents withdrawn, and outcomes that may silence us."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.consent import Consent
from engine.decision import ReasonCode, RuleKind
from engine.instant import Instant, to_datetime
from engine.pressure.happened import Happened
from engine.pressure.rule import Case, Standing
from engine.rulebook.model.book import Channel, Kind


class Told(NamedTuple):
    """What is known of one customer."""

    consents: Mapping[str, Consent] = {}
    outcomes: Sequence[Happened] = ()
    """Of the types that some pause of the book looks at, in any order."""


NOTHING = Told()


class Withdrawal:
    """That a consent was withdrawn, as a rule of contact pressure that holds back for good."""

    __slots__ = ("name", "window")

    kind = RuleKind.CONSENT
    code = ReasonCode.NO_CONSENT

    def __init__(self, purpose: str, since: Instant) -> None:
        self.name = purpose
        self.window = f"withdrawn {to_datetime(since).isoformat(timespec='seconds')}"

    def stands(self, case: Case) -> Standing:  # noqa: ARG002 a rule like the others
        """Always the same."""
        return Standing(self, True, None)

    def opens(self, standing: Standing, at: Instant, bound: Instant) -> Instant | None:  # noqa: ARG002
        """Never by itself."""
        return None


def purpose_of(channel: Channel) -> str:
    """What a customer withdraws from to hear no more on the channel; empty where he comes to us.

    A channel that needs no consent has a purpose of its own: that nobody has to agree does not mean that nobody can refuse.
    """
    if channel.kind is Kind.INBOUND:
        return ""
    return channel.consent or f"channel:{channel.name}"
