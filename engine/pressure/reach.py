"""Consent and reach: whether a channel may and can be used for a customer at all."""

from collections.abc import Iterable, Mapping

from engine.conditions.model import Attributes
from engine.decision import Reason, ReasonCode
from engine.rulebook.model.book import Channel


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
