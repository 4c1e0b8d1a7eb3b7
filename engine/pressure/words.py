"""How a rule of contact pressure stood, in words."""

from zoneinfo import ZoneInfo

from engine.decision import Reading, RuleKind
from engine.instant import to_datetime

_FOR_GOOD = (RuleKind.STOCK, RuleKind.TOTAL)


def in_words(reading: Reading, zone: ZoneInfo) -> str:
    """What it saw, and when it alone lets pass if it blocks, on the zone's clock."""
    return f"{_seen(reading)}{_until(reading, zone)}"


def _seen(reading: Reading) -> str:
    match reading.kind:
        case RuleKind.QUIET:
            return f"{reading.window}{_where(reading)}"
        case RuleKind.PAUSE:
            outcomes = "outcome" if reading.limit == 1 else "outcomes"
            return f"{reading.counted} of {reading.limit} {outcomes}, a pause of {reading.window}"
        case RuleKind.CONSENT:
            return reading.window
        case RuleKind.GAP:
            return f"{reading.window} after the latest"
    counted = f"{reading.counted:,} of {reading.limit:,}"
    return f"{counted} in {reading.window}{_where(reading)}" if reading.window else f"{counted} in all"


def _where(reading: Reading) -> str:
    """Where the clock is that was read; of many the first."""
    if not reading.zones:
        return ""
    others = len(reading.zones) - 1
    return f" in {reading.zones[0]}" + (
        f" and {others} other zone{'s' if others > 1 else ''}" if others else ""
    )


def _until(reading: Reading, zone: ZoneInfo) -> str:
    if not reading.blocks or reading.kind is RuleKind.CONSENT:
        return ""
    if reading.next_allowed_at is None:
        return ", until one is given back" if reading.kind in _FOR_GOOD else ", for more than 400 days"
    local = to_datetime(reading.next_allowed_at).astimezone(zone)
    return f", until {local.isoformat(timespec='auto' if local.second or local.microsecond else 'minutes')}"
