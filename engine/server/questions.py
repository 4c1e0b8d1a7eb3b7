"""What is to be explained, checked."""

from engine.api.v1 import decisions_pb2 as pb
from engine.rulebook.model.book import Book
from engine.server.limits import MOST_NAMES
from engine.server.parse import name_of
from engine.server.violations import Violations


def parse_past(message: pb.ExplainRequest) -> str:
    """The id of the decision that is asked for; raises InvalidRequest.

    Which campaigns there were is known by the book that decided it, so their names are not looked up.
    """
    wrong = Violations()
    _count(message, wrong)
    wanted = name_of(message.decision_id, "decision_id", wrong, required=True)
    wrong.raise_any()
    return wanted


def check_campaigns(message: pb.ExplainRequest, book: Book) -> None:
    """Raises InvalidRequest where a campaign is named that the book has not."""
    wrong = Violations()
    _count(message, wrong)
    for name in message.campaigns[:MOST_NAMES]:
        if name not in book.campaigns:
            wrong.add("campaigns", f"{name!r:.60} is not a campaign of the live book")
    wrong.raise_any()


def _count(message: pb.ExplainRequest, wrong: Violations) -> None:
    if len(message.campaigns) > MOST_NAMES:
        wrong.add("campaigns", f"must be at most {MOST_NAMES}, not {len(message.campaigns)}")
