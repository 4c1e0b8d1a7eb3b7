"""What happened to a customer's messages, as far as it may silence us."""

from typing import NamedTuple

from engine.instant import Instant


class Happened(NamedTuple):
    """One outcome; what it is about is empty where nobody knows, or where it is about several."""

    type: str
    at: Instant
    channel: str
    campaign: str
    offer: str
