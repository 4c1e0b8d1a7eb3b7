"""Why something about releases is refused; each message is a sentence that says what to do.

ReleaseRefused
├── NotPublished    no such version was published, or nothing is live under the name
├── Overtaken       another version is live than the one that the change was made for
├── NotApproved     approvals are missing, or somebody rejected the version
├── OwnApproval     authors do not approve their own versions
├── NotReleasable   the state of the releases does not allow it
└── CheckFailed     the book could not be checked
"""

from engine.ledger.errors import LedgerError


class ReleaseRefused(LedgerError):
    """A change of releases that is refused; nothing but a row of the audit is kept."""


class NotPublished(ReleaseRefused):
    """No such version was published, or nothing is live under the name."""


class Overtaken(ReleaseRefused):
    """Another version is live than the one that the change was made for."""


class NotApproved(ReleaseRefused):
    """Approvals are missing, or somebody rejected the version."""


class OwnApproval(ReleaseRefused):
    """The author of a version approves it."""


class NotReleasable(ReleaseRefused):
    """The state of the releases does not allow it."""


class CheckFailed(ReleaseRefused):
    """The process that checked a book did not come to an end."""
