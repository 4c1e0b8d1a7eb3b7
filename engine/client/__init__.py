"""A small client of the decision service, for other programs.

    with Client("localhost:50051") as tact:
        answer = tact.decide(request("customer-1", consents=["wechat"], weather={"temperature_c": 3.0}))

With `tls=Tls(ca="ca.pem")` it knows the server by its certificate, with `token="tact_…"` the server knows it.
`AsyncClient` has the same methods to await. Every call has one deadline, which bounds all its attempts
together; only UNAVAILABLE is tried again, and never decides or counts twice, since every request bears a request_id
and every event that is recorded an event_id.
What fails is a `TactError`:

    TactError
    ├── InvalidRequest      INVALID_ARGUMENT, with the fields at fault
    ├── AccessDenied        UNAUTHENTICATED, PERMISSION_DENIED
    ├── NotImplementedHere  UNIMPLEMENTED: this version of the server cannot do it
    ├── RequestIdReused     ALREADY_EXISTS: the request_id or event_id was used for another customer
    ├── NotFound            NOT_FOUND: the log holds no such decision
    ├── NotReady            FAILED_PRECONDITION: the live book does not provide for it
    ├── Overloaded          RESOURCE_EXHAUSTED, with the time after which to come again
    ├── Unavailable         UNAVAILABLE, after the last attempt
    ├── DeadlineExceeded    DEADLINE_EXCEEDED
    └── ServerError         anything else
"""

from engine.client.access import Tls
from engine.client.aio import AsyncClient
from engine.client.calls import Recorded
from engine.client.document import from_document
from engine.client.errors import (
    AccessDenied,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    NotImplementedHere,
    NotReady,
    Overloaded,
    RequestIdReused,
    ServerError,
    TactError,
    Unavailable,
    Violation,
    error_of_status,
)
from engine.client.events import event, outcome, recorded
from engine.client.request import request
from engine.client.sync import Client
from engine.client.values import Plain

__all__ = [
    "AccessDenied",
    "AsyncClient",
    "Client",
    "DeadlineExceeded",
    "InvalidRequest",
    "NotFound",
    "NotImplementedHere",
    "NotReady",
    "Overloaded",
    "Plain",
    "Recorded",
    "RequestIdReused",
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
