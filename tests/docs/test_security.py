"""The security page states for every limit whom it bounds."""

from engine.settings import Settings
from tests.docs.pages import ROOT

NO_LIMITS_OF_PEERS = {
    "port",
    "metrics_port",
    "busy_timeout",
    "workers",
    "liveness",
    "weather_timeout",
    "weather_call_timeout",
    "weather_fresh",
    "weather_stale",
    "weather_failures",
    "weather_pause",
}
"""Numbers that say how the server works with its log, its workers and its provider of weather."""


def test_every_limit_is_stated() -> None:
    """Each number among the settings bounds somebody, by a row of the table, or is named here as none that does."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    bounds = page.partition("## Bounds before and after a caller is known")[2].partition("\n## ")[0]
    rows = [line for line in bounds.splitlines() if line.startswith("| ")]
    limits = {name for name, value in Settings().model_dump().items() if type(value) in (int, float)}
    assert limits >= NO_LIMITS_OF_PEERS
    missing = [
        name
        for name in limits - NO_LIMITS_OF_PEERS
        if not any(f"TACT_{name.upper()}`" in row for row in rows)
    ]
    assert missing == []
