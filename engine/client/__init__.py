"""The Python client of the decision service.

    with Client("localhost:50051") as tact:
        response = tact.decide(request("customer-1", consents=["wechat"], weather={"temperature_c": 3.0}))

`tls=Tls(ca="ca.pem")` verifies the server by its certificate, `token="tact_…"` identifies the caller to it.
`AsyncClient` has the same methods for asyncio; `RulebooksClient` publishes and activates books; `PrivacyClient` and
`AsyncPrivacyClient` export and erase persons, and note their objections. A call has one deadline
for all its attempts. Only UNAVAILABLE is tried again; a retry never decides or counts twice, since every request bears a
request_id and every recorded event an event_id.
Optional arguments that are None are as good as not given. Enums of answers print as their names and equal their numbers;
`answer.message` is the message itself, for functions of protobuf that need it.
Every failure is a `TactError`:

    TactError
    ├── InvalidRequest      INVALID_ARGUMENT, with the fields that are invalid
    ├── AccessDenied        UNAUTHENTICATED, PERMISSION_DENIED
    ├── NotImplementedHere  UNIMPLEMENTED: the server's version cannot do it
    ├── RequestIdReused     ALREADY_EXISTS: the request_id was used for another question, or the event_id for another outcome
    ├── NotFound            NOT_FOUND: the log holds no such decision, or no such version of a book
    ├── NotReady            FAILED_PRECONDITION: the live book does not provide for it, or a release has to wait
    ├── OutOfDate           ABORTED: another version of the book is live than expected
    ├── Overloaded          RESOURCE_EXHAUSTED, with the time after which to try again
    ├── Unavailable         UNAVAILABLE, after the last attempt
    ├── DeadlineExceeded    DEADLINE_EXCEEDED
    ├── Interrupted         decide_many stopped: `unfinished` are the requests without a result, to go on with
    ├── ItemsRefused        raised by `raise_for_errors()` of results: the items that were refused, by index
    └── ServerError         anything else
"""

from engine.client.access import Tls
from engine.client.aio import AsyncClient
from engine.client.errors import (
    AccessDenied,
    DeadlineExceeded,
    InvalidRequest,
    ItemsRefused,
    NotFound,
    NotImplementedHere,
    NotReady,
    OutOfDate,
    Overloaded,
    RequestIdReused,
    ServerError,
    TactError,
    Unavailable,
    Violation,
    error_of_status,
)
from engine.client.many import Interrupted
from engine.client.privacy import PrivacyClient
from engine.client.privacy_aio import AsyncPrivacyClient
from engine.client.results import ItemResults, Recorded, RecordResults
from engine.client.rulebooks import RulebooksClient
from engine.client.sync import Client
from engine.wire.messages.events import event, outcome, recorded
from engine.wire.messages.requests import from_document, request
from engine.wire.messages.values import Plain

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "AsyncPrivacyClient",
    "Client",
    "DeadlineExceeded",
    "Interrupted",
    "InvalidRequest",
    "ItemResults",
    "ItemsRefused",
    "NotFound",
    "NotImplementedHere",
    "NotReady",
    "OutOfDate",
    "Overloaded",
    "Plain",
    "PrivacyClient",
    "RecordResults",
    "Recorded",
    "RequestIdReused",
    "RulebooksClient",
    "ServerError",
    "TactError",
    "Tls",
    "Unavailable",
    "Violation",
    "error_of_status",
    "event",
    "from_document",
    "outcome",
    "recorded",
    "request",
]
