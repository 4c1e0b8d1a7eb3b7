"""Why the provider has no report for us."""

from enum import StrEnum


class Reason(StrEnum):
    """Why there is no report."""

    TIMEOUT = "timeout"
    """Not all of the answer came in time."""
    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    STATUS = "status"
    """Not 200; redirects are not followed."""
    CONTENT_TYPE = "content_type"
    """Not JSON by its own word."""
    ENCODING = "encoding"
    """Compressed, though we asked that it not be."""
    TOO_LARGE = "too_large"
    """More than the provider's LARGEST_ANSWER."""
    MALFORMED = "malformed"
    """Not JSON, or nothing in it to be believed."""
    BROKEN = "broken"
    """None of these: a mistake of ours."""


class ProviderFailed(Exception):
    """There is no report, for a reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
