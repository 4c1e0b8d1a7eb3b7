"""Answers questions about releases out of the log, inside a transaction that reads."""

from engine.api.v1 import rulebooks_pb2 as pb
from engine.ledger.queries import releases
from engine.ledger.store.release_rows import PublicationRow
from engine.ledger.store.store import Store
from engine.releases.errors import NotPublished
from engine.releases.messages import (
    activation_message,
    audit_message,
    file_messages,
    list_query,
    name_asked,
    release_message,
    server_message,
    versions_asked,
)
from engine.releases.standing import LiveState, live_state, published


def read_release(store: Store, row: PublicationRow) -> pb.Release:
    """The version with what was said of it, and where it stands."""
    state = _state(store, row, live_state(store, row.name))
    return release_message(row, state, releases.approvals(store, row.version))


def read_list(store: Store, request: pb.ListRequest) -> pb.ListResponse:
    """The versions, changes and audit of a book. Raises InvalidMessage, NotPublished."""
    name, most, audited = list_query(request)
    names = releases.published_names(store)
    if name and name not in names:
        raise NotPublished(f"no book {name!r} is published; there are {', '.join(names[:20]) or 'none'}")
    chosen = names[0] if not name and len(names) == 1 else name
    response = pb.ListResponse(names=names)
    if chosen:
        live = live_state(store, chosen)
        for row in releases.publications(store, chosen, most):
            said = releases.approvals(store, row.version)
            response.releases.append(release_message(row, _state(store, row, live), said))
        response.activations.extend(map(activation_message, releases.history(store, chosen, most)))
    if audited:
        response.audit.extend(map(audit_message, releases.audit(store, name, most)))
    return response


def read_version(store: Store, request: pb.GetRequest) -> pb.GetResponse:
    """A version with its files. Raises InvalidMessage, NotPublished."""
    name_asked(request.name)
    version = request.version
    if not version and request.name:
        version = live_state(store, request.name).live
        if not version:
            raise NotPublished(f"nothing is live under {request.name!r}")
    versions_asked(version=version)
    row = published(store, version)
    files = releases.book_files(store, row.version) or {}
    return pb.GetResponse(release=read_release(store, row), files=file_messages(files))


def read_pair(store: Store, request: pb.DiffRequest) -> tuple[tuple[str, dict[str, str]], ...]:
    """The two versions with their files. Raises InvalidMessage, NotPublished."""
    versions_asked(old=request.old, new=request.new)
    rows = published(store, request.old), published(store, request.new)
    return tuple((row.version, releases.book_files(store, row.version) or {}) for row in rows)


def read_servers(store: Store, request: pb.ServersRequest) -> pb.ServersResponse:
    """What servers said last. Raises InvalidMessage."""
    name_asked(request.name)
    rows = [row for row in releases.servers(store) if request.name in ("", row.name)]
    return pb.ServersResponse(servers=map(server_message, rows))


def _state(store: Store, row: PublicationRow, live: LiveState) -> str:
    if row.version == live.live:
        return "live"
    if row.version == live.staged:
        return "staged"
    return "earlier" if releases.was_live(store, row.name, row.version) else "published"
