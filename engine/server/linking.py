"""A LinkRequest as plain values."""

from engine.api.v1 import decisions_pb2 as pb
from engine.instant import Instant
from engine.server.limits import MOST_ALIASES
from engine.server.parse import Parser, name_of
from engine.server.violations import Violations
from engine.settle.people import Linking


def parse_linking(parser: Parser, message: pb.LinkRequest, now: Instant) -> Linking:
    """The names, as of `now` unless the message names a moment; raises InvalidRequest with every violation."""
    wrong = Violations()
    moment = parser.now(message, now, wrong)
    if len(message.customer_ids) > MOST_ALIASES + 1:
        wrong.add("customer_ids", f"must be at most {MOST_ALIASES + 1}, not {len(message.customer_ids)}")
        wrong.raise_any()
    for place, name in enumerate(message.customer_ids):
        name_of(name, f"customer_ids[{place}]", wrong, required=True)
    names = tuple(dict.fromkeys(message.customer_ids))
    if len(names) < 2:
        wrong.add("customer_ids", f"must be at least two different names, not {len(names)}")
    wrong.raise_any()
    return Linking(names, moment)
