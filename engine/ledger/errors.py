"""What can go wrong at the ledger.

LedgerError
├── LedgerUnavailable   the store did not take the write: disk full, locked, unreadable; nothing of it is kept
├── LedgerFull          too many requests wait to be settled; try again after `retry_after` seconds
├── LedgerClosed        the server is going down and takes nothing new
├── DeadlinePassed      the caller's deadline had passed before its turn; nothing was settled
├── RequestIdReused     the request_id names an earlier decision about another customer
├── TooManyNames        the person would have more names than are kept
├── EventIdReused       the event_id names an earlier event of another customer
├── OutcomeRefused      the outcome does not fit its decision, or nobody knows whose it is
└── SettleFault         a fault of the program's own, met while this one request was settled
"""


class LedgerError(Exception):
    """The root of the ledger's errors."""


class LedgerUnavailable(LedgerError):
    """The store did not take the write; nothing of it is kept, and a retry is safe."""


class LedgerFull(LedgerError):
    """Too many requests wait to be settled."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests wait to be settled; retry in {retry_after:.2f} s")
        self.retry_after = retry_after
        """Seconds."""


class LedgerClosed(LedgerError):
    """The server is going down and takes nothing new."""


class DeadlinePassed(LedgerError):
    """The caller's deadline had passed before its turn; nothing was settled."""


class RequestIdTaken(LedgerError):
    """The request_id names an earlier decision about another customer."""


class EventIdTaken(LedgerError):
    """The event_id names an earlier event of another customer."""


class OutcomeRefused(LedgerError):
    """The outcome does not fit its decision, or nobody knows whose it is; its message says what."""


class TooManyNames(LedgerError):
    """Linking the names would make a person with more names than are kept; nothing is linked."""


class SettleFault(LedgerError):
    """A fault of the program's own, met while this one request was settled; its neighbours are not touched."""
