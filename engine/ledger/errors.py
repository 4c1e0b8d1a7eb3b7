"""What can go wrong at the ledger.

LedgerError
├── LedgerUnavailable   the store did not take the write: disk full, locked, unreadable; nothing of it is kept
│   ├── CommitUnknown   it is not known whether the store took the write
│   └── DataRefused     the store refused what one of the commands would write; without it the others may be kept
├── LedgerFull          too many requests wait to be committed; try again after `retry_after` seconds
├── LedgerClosed        the server is going down and takes nothing new
├── DeadlinePassed      the caller's deadline had passed before its turn; nothing was committed
├── RequestIdTaken      the request_id names an earlier decision about another customer, or another question
├── TooManyNames        the person would have more names than are kept
├── EventIdTaken        the event_id names another outcome of the customer
├── OtherVersion           another version of the book decides for this person; nothing is decided
├── PersonErased        the person was erased while the call was under way; nothing of it is kept
├── OutcomeRefused      the outcome does not fit its decision, or its customer is not known
└── DecisionFault       a fault of the program's own, met while this one request was decided

WouldWait is no failure: a transaction that was to begin at once would have to wait for another process.
"""


class WouldWait(Exception):
    """A transaction that was not to wait would have to wait for another process; nothing of it has begun."""


class LedgerError(Exception):
    """The root of the ledger's errors."""


class LedgerUnavailable(LedgerError):
    """The store did not take the write; nothing of it is kept, except as CommitUnknown says, and a retry is safe."""


class CommitUnknown(LedgerUnavailable):
    """It is not known whether the store took the write: it failed while it was being committed. A retry is safe and tells.

    result: what the command would have returned; None where the error is of a whole transaction.
    """

    def __init__(self, message: str, result: object = None) -> None:
        super().__init__(message)
        self.result = result


class DataRefused(LedgerUnavailable):
    """The store refused what one of the commands would write; the store itself is well."""


class LedgerFull(LedgerError):
    """Too many requests wait to be committed."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests wait to be committed; retry in {retry_after:.2f} s")
        self.retry_after = retry_after
        """Seconds."""


class LedgerClosed(LedgerError):
    """The server is going down and takes nothing new."""


class DeadlinePassed(LedgerError):
    """The caller's deadline had passed before its turn; nothing was committed."""


class RequestIdTaken(LedgerError):
    """The request_id names an earlier decision about another customer, or another question."""


class EventIdTaken(LedgerError):
    """The event_id names another outcome of the customer."""


class OutcomeRefused(LedgerError):
    """The outcome does not fit its decision, or its customer is not known; the message says which."""


class OtherVersion(LedgerError):
    """During a staged roll-out another version of the book decides for this person; nothing is decided."""


class PersonErased(LedgerError):
    """The person was erased while the call was under way; nothing of it is kept."""


class TooManyNames(LedgerError):
    """Linking the names would make a person with more names than are kept; nothing is linked."""


class DecisionFault(LedgerError):
    """A fault of the program's own, met while this one request was decided; the others of its group are not touched."""
