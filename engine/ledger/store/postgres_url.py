"""Reads the URL of a log on PostgreSQL, and shows it without its password."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_SESSION = {
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "15s",  # a server that hangs does not keep its locks
    "plan_cache_mode": "force_generic_plan",
    # every statement is look-ups in an index, also in a plan that was made while the tables were small
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A database that is gone without closing its connections is noticed in ten seconds."""


_SHOWN = ("user", "host", "port", "dbname")


def connection_info(url: str) -> dict[str, Any]:
    """What libpq reads from the URL, and from nothing else; raises ValueError, without the URL's text.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    """
    try:
        info = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        info = {}
    ports = str(info.get("port", "")).split(",")
    if not info or not all(port.isdecimal() or not port for port in ports):
        raise ValueError(
            "the log's URL is not one of PostgreSQL, as in postgresql://user:password@host:5432/database;"
            " special characters in a password are written as %XX"
        )
    return dict(info)


def session(url: str, lock_timeout: float) -> str:
    """The connection string of a store's session; what the URL sets itself takes precedence. lock_timeout: seconds."""
    info = connection_info(url)
    ours = {**_SESSION, "lock_timeout": f"{max(1, round(lock_timeout * 1000))}ms"}
    options = " ".join(f"-c {name}={value}" for name, value in ours.items())
    info["options"] = f"{options} {info.get('options', '')}".rstrip()
    return make_conninfo("", **{"application_name": "tact", **_NETWORK, **info})


def direct(url: str) -> str:
    """The connection string of a session that only listens; what the URL sets itself takes precedence."""
    return make_conninfo("", **{"application_name": "tact listen", **_NETWORK, **connection_info(url)})


def shown(url: str) -> str:
    """The URL without its password, for messages."""
    info = connection_info(url)
    parts = [f"{name}={info[name]}" for name in _SHOWN if info.get(name)]
    return " ".join(parts) or "of PostgreSQL's defaults"
