"""Settings: read once, from the environment (`TACT_…`) and then the command line."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _of_one_line(text: str) -> str:
    """The text; raises ValueError for one with control characters, which no path, address or URL has."""
    control = _CONTROL.search(text)
    if control:
        raise ValueError(f"it holds the control character U+{ord(control[0]):04X}")
    return text


def _web_address(text: str) -> str:
    """A URL of http or https that paths can be added to; raises ValueError, without the text, which may hold a password."""
    if not text:
        return text
    _of_one_line(text)
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError as error:
        raise ValueError("its host or its port is not valid, as in https://api.example.com:443") from error
    if url.scheme not in ("http", "https"):
        raise ValueError("it must begin with https:// or http://")
    if not host or port == 0 or any(character.isspace() for character in text):
        raise ValueError("it needs a host, as in https://api.example.com, and no blanks")
    if "?" in text or "#" in text:
        raise ValueError("it must end with the host or a path: ? and # are not allowed")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise ValueError("its host is not a name, as in https://api.example.com") from error
    return text


OneLine = Annotated[str, AfterValidator(_of_one_line)]


WebAddress = Annotated[str, AfterValidator(_web_address)]


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of `host:port`, where the host of IPv6 stands in brackets; raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError("it must be host:port, as in 127.0.0.1:8080 or [::1]:8080")
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise ValueError("its port must be a number from 0 to 65535")
    return host, int(port)


def _address(text: str) -> str:
    """An address to listen on; raises ValueError."""
    if text:
        host_and_port(_of_one_line(text))
    return text


ListenAddress = Annotated[str, AfterValidator(_address)]


class Settings(BaseSettings):
    """The settings of a server. Frozen; every field's variable is `TACT_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="TACT_", frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    rules: OneLine = "rules"
    """Folder of the book to serve."""
    book: OneLine = ""
    """Name of a published book, whose live version in the log the server follows; empty: it serves the folder `rules`."""
    listen: OneLine = ""
    """URL of a direct connection to PostgreSQL on which releases are told at once, where `log` goes through a pooler."""
    watch: bool = False
    """Watch the folder: a changed book becomes live when it loads. SIGHUP reloads once, with or without it."""
    challenger: OneLine = ""
    """Folder of a second book, which decides each committed request too, after the reply, for the log alone; empty: none."""
    log: OneLine = "sqlite:///tact.db"
    """URL of the decision log: sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host:5432/database."""
    retention: OneLine = ""
    """How long `tact prune` keeps what, such as `decisions: 400d, events: 90d, outcomes: 2y`; empty: for good."""
    pack: OneLine = ""
    """From which age on `tact prune` packs decisions, such as `40d`, at least 31 days; empty: it packs none."""
    host: OneLine = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 50051
    """Port to listen on; 0 takes a free one and prints it."""
    http: ListenAddress = ""
    """Address to answer HTTP on, `host:port`; port 0 takes a free one and prints it; empty: HTTP is not served."""
    http_connections: Annotated[int, Field(ge=1, le=65536)] = 1024
    """Connections over HTTP at a time, in each process; a further one ends the one that has been idle for longest."""
    tls_cert: OneLine = ""
    """PEM file with the server's certificate and its chain; empty: serve without TLS."""
    tls_key: OneLine = ""
    """PEM file with the certificate's key, without a passphrase."""
    client_ca: OneLine = ""
    """PEM file with authorities; every client must then present a certificate of theirs."""
    callers: OneLine = ""
    """TOML file with the callers; empty: whoever can connect may call."""
    insecure: bool = False
    """Serve without TLS on an address that is not loopback."""
    anyone: bool = False
    """Serve all callers, without tokens or client certificates, on an address that is not loopback."""
    approvals: Annotated[int, Field(ge=0, le=10)] = 0
    """Approvals, by others than its author, that a version of a book needs to go live by `Activate` or `Stage`."""
    allow_simulated_now: bool = False
    """Let callers set `now` in a request; for demos and tests."""
    queue_limit: Annotated[int, Field(ge=1)] = 4096
    """How many requests may wait to be committed; more are refused with RESOURCE_EXHAUSTED."""
    rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Requests a second that one caller may make, in each process; 0: any number."""
    burst: Annotated[int, Field(ge=0)] = 0
    """Burst: requests of one caller allowed at once before the rate limit applies; 0: a second's worth."""
    calls_at_once: Annotated[int, Field(ge=0)] = 0
    """Calls of one caller that may be under way; 0: any number."""
    request_timeout: Annotated[float, Field(ge=0, le=86400)] = 30.0
    """Most seconds that a call may take, its arrival included, also without a deadline of its own; 0: any time."""
    stream_idle: Annotated[float, Field(ge=0, le=86400)] = 300.0
    """Seconds that a stream may be without a message before it is ended; 0: any time."""
    message_bytes: Annotated[int, Field(ge=1024, le=256 * 1024 * 1024)] = 4 * 1024 * 1024
    """Bytes of one message."""
    metadata_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024)] = 16 * 1024
    """Bytes of the metadata of one call."""
    most_attributes: Annotated[int, Field(ge=1, le=500)] = 500
    """Attributes of a request's profile, and of an event."""
    most_events: Annotated[int, Field(ge=1, le=5000)] = 5000
    """Events in one request."""
    most_batched: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Requests in a batch."""
    most_recorded: Annotated[int, Field(ge=1, le=1000)] = 1000
    """Events in a recording."""
    stream_window: Annotated[int, Field(ge=1, le=4096)] = 256
    """Requests of one stream under way, that is read and their answers not taken yet; further ones wait in the client. They
    are also no more than `message_bytes` together, and one."""
    streams: Annotated[int, Field(ge=1)] = 1000
    """Calls under way on one connection; further ones wait in the client."""
    watchers: Annotated[int, Field(ge=1, le=1024)] = 16
    """Streams out of the log (Watch, Due) at a time, in each process; more are refused with RESOURCE_EXHAUSTED."""
    handshake_timeout: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds within which a new connection must have finished its handshake."""
    keepalive: Annotated[float, Field(ge=0, le=86400)] = 60.0
    """Seconds of silence after which a connection is checked with a ping; 0: never."""
    keepalive_timeout: Annotated[float, Field(gt=0, le=3600)] = 20.0
    """Seconds within which the ping must be answered."""
    connection_idle: Annotated[float, Field(ge=0, le=86400)] = 600.0
    """Seconds without a call after which a connection is closed; 0: never."""
    connection_age: Annotated[float, Field(ge=0, le=86400 * 20)] = 300.0
    """Seconds after which a connection is closed once its calls are done, so that clients connect again; 0: never."""
    busy_timeout: Annotated[float, Field(ge=0)] = 2.0
    """Seconds to wait while another process writes to the log; on PostgreSQL, about the same customers."""
    metrics_port: Annotated[int, Field(ge=0, le=65000)] = 0
    """Port for Prometheus and for probes over HTTP; those of workers follow it; 0: nothing is counted."""
    metrics_host: OneLine = "127.0.0.1"
    """Address of that port. It is for operators: it needs no token, and shows nothing personal."""
    message_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the messages written to standard error; debug has a line for each decision."""
    grace: Annotated[float, Field(ge=0)] = 10.0
    """Seconds that accepted requests get to finish when the server stops."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """How many processes serve; from 2 on under a supervisor."""
    liveness: Annotated[float, Field(ge=0.5, allow_inf_nan=False)] = 5.0
    """Seconds without a sign of life after which a worker is killed and replaced."""
    weather_url: WebAddress = ""
    """Base URL of a weather provider in Open-Meteo's form, called at /v1/forecast; empty: no weather is fetched."""
    weather_timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.03
    """Seconds that a decision waits for the weather; the call to the provider goes on, for later decisions."""
    weather_call_timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0
    """Seconds that a call to the weather provider may take."""
    weather_calls: Annotated[int, Field(ge=1)] = 16
    """How many calls to the weather provider may be under way at once, each on a connection of its own."""
    weather_cache_cells: Annotated[int, Field(ge=1)] = 4096
    """How many cells of a tenth of a degree the weather is cached for."""
    weather_fresh: Annotated[float, Field(gt=0)] = 3600.0
    """Age in seconds up to which cached weather is used without a call."""
    weather_stale: Annotated[float, Field(ge=0)] = 10800.0
    """Age in seconds up to which cached weather is used while newer is fetched."""
    weather_failures: Annotated[int, Field(ge=1)] = 5
    """How many calls to the weather provider fail in a row before calls are paused."""
    weather_pause: Annotated[float, Field(gt=0)] = 30.0
    """Seconds without calls to a failing weather provider, or for a cell that it failed for."""

    @property
    def in_force(self) -> dict[str, Any]:
        """Every setting by its variable. Whoever shows it takes passwords out of the log's URL."""
        return {f"TACT_{name.upper()}": value for name, value in self.model_dump(mode="json").items()}
