"""The book of books.py with every feature on: withholding, shared quotas, waiting, and learning.

One campaign in ten learns, one in ten grows by a ramp, one in five has a control group; offers have stock, channels capacity.
No stock, total or capacity runs out during a measurement.
"""

from typing import Any

from bench import books
from bench.books import bodies
from engine.decide.compiled import CompiledBook

__all__ = ["bodies", "book", "compiled_book"]

_PLENTY = 10_000_000


def book(campaigns: int = books.CAMPAIGNS) -> dict[str, Any]:
    """The book, each campaign with some of the features."""
    base = books.book(campaigns)
    for number, campaign in enumerate(base["campaigns"].values()):
        campaign.update(_choices(number))
        if number % 10 == 3:
            campaign["learn"] = {"reward": "clicked"}
            for variant in campaign["variants"].values():
                del variant["share"]
    for offer in list(base["offers"].values())[::2]:
        offer["stock"] = _PLENTY
    for channel in base["channels"].values():
        channel["capacity"] = {"limit": _PLENTY, "per": "calendar day"}
    base["pressure"] |= {
        "gaps": {"breath": {"at_least": "1h", "count": {"channel": ["sms"]}}},
        "quiet": {"nights": {"channel": "sms", "from": "23:00", "until": "05:00"}},
        "pauses": {"after-complaint": {"outcome": ["complained", "unsubscribed"], "for": "365d"}},
    }
    return base | {
        "holdouts": {"universal": {"share": "2%", "salt": "bench"}},
        "layers": {"prices": {"salt": "bench", "slots": {"full": "0-50%", "reduced": "50-100%"}}},
    }


def _choices(number: int) -> dict[str, Any]:
    options: dict[str, Any] = {"limits": {"total": _PLENTY}}
    if number % 5 == 0:
        options["control"] = {"share": "10%", "salt": "bench"}
    if number % 5 == 1:
        options["slot"] = "prices/full" if number % 2 else "prices/reduced"
    if number % 10 == 2:
        options["ramp"] = {"from": "2026-01-01", "start": "2%", "full": "2036-01-01"}
    return options


def compiled_book(campaigns: int = books.CAMPAIGNS) -> CompiledBook:
    """The book compiled, read from files as the server does."""
    return books.compiled(book(campaigns))
