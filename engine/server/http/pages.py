"""What HTTP has besides the methods of the contract: probes, books, and the description of all of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from html import escape
from http import HTTPStatus
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson
from google.rpc import code_pb2

from engine.api.v1 import privacy_pb2, rulebooks_pb2
from engine.releases import NotPublished
from engine.server.background import in_thread
from engine.server.book.serving import ServingBooks
from engine.server.http.app import Codec, HttpCall, Method, Route
from engine.server.http.body import AsgiReceive, encoded, takes_gzip
from engine.server.http.faults import Answer, Headers, WrongCall, problem
from engine.server.http.json_reader import read_json
from engine.server.http.json_writer import json_value
from engine.server.rulebooks import RulebooksService
from engine.server.service import UnaryMethod

if TYPE_CHECKING:
    from engine.server.privacy import PrivacyService

FRIENDLY: Mapping[str, str] = {
    "/v1/decide": "Decide",
    "/v1/decide-batch": "DecideBatch",
    "/v1/record": "Record",
    "/v1/link": "Link",
    "/v1/explain": "Explain",
}
"""Methods of the contract by their paths for JSON alone."""


EXPORT = "/v1/person/export"

PERSON = {
    "/v1/person/erase": "Erase",
    "/v1/person/object": "Object",
    "/v1/person/withdraw-objection": "WithdrawObjection",
}
"""Methods of the service for a person's rights by their paths for JSON alone."""


_JSON = (b"content-type", b"application/json")
_FRESH = (b"cache-control", b"no-cache")


def page_routes(ready: Callable[[], bool]) -> dict[str, Route]:
    """Pages that need no token. ready: whether the server is ready for calls."""
    answers: Mapping[str, Callable[[HttpCall, AsgiReceive], Awaitable[Answer]]] = {
        "/healthz": _healthy,
        "/readyz": _readiness(ready),
        "/openapi.json": _openapi,
        "/docs": _docs,
    }
    return {path: Route(f"GET {path}", answer, problem) for path, answer in answers.items()}


async def _healthy(_call: HttpCall, _receive: AsgiReceive) -> Answer:
    return Answer(200, (_JSON, _FRESH), b'{"live":true}')


def _readiness(ready: Callable[[], bool]) -> Callable[[HttpCall, AsgiReceive], Awaitable[Answer]]:
    """The page that says whether the server is ready, and nothing else: whoever asks has no token."""

    async def answer(_call: HttpCall, _receive: AsgiReceive) -> Answer:
        if ready():
            return Answer(200, (_JSON, _FRESH), b'{"ready":true}')
        return Answer(503, (_JSON, _FRESH), b'{"ready":false}', code_pb2.UNAVAILABLE)

    return answer


def book_routes(serving_books: ServingBooks, rulebooks: RulebooksService) -> Mapping[str, Route]:
    """The routes below `/v1/books/{name}/`, by what follows."""
    return {"live": _live_route(serving_books), "versions/{version}": _version_route(rulebooks)}


def _live_route(serving_books: ServingBooks) -> Route:
    """The live book's name, version and number of campaigns; its version is the answer's ETag."""

    async def answer(call: HttpCall, _receive: AsgiReceive) -> Answer:
        name = call.scope["path"].split("/")[3]
        compiled = serving_books.current.engine.compiled
        if name != compiled.book.name:
            message = f"the book that is live is not called {name!r:.60}"
            raise WrongCall(HTTPStatus.NOT_FOUND, code_pb2.NOT_FOUND, message)
        tag = f'"{compiled.book.version}"'.encode()
        headers = (_JSON, _FRESH, (b"etag", tag))
        if _is_known(call, tag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        document = {
            "name": name,
            "version": compiled.book.version,
            "campaigns": len(compiled.compiled_campaigns),
        }
        return Answer(200, headers, orjson.dumps(document))

    return Route("GET /v1/books/{name}/live", answer, problem)


_MOST_OF_EXPORT = 16 * 1024
"""Bytes of the request for an export."""


def export_route(service: str, privacy: "PrivacyService") -> dict[str, Route]:
    """The route of an export, by its path. service: the full name of the contract's service."""

    async def collect(request: privacy_pb2.ExportCustomerRequest, call: Any) -> Any:
        document: dict[str, Any] = {}
        async for response in privacy.export_customer(request, call):
            if response.WhichOneof("part") == "head":
                head = json_value(response.head)
                document = {**head, **{section: [] for section in response.head.sections}}
            else:
                document[response.row.section].append(orjson.Fragment(response.row.json))
        return document

    codec = Codec(
        b"application/json", lambda body: read_json(body, privacy_pb2.ExportCustomerRequest), _written
    )
    method = Method(
        UnaryMethod(collect, privacy_pb2.ExportCustomerRequest, _MOST_OF_EXPORT), [codec], _MOST_OF_EXPORT
    )
    return {EXPORT: Route(f"/{service}/ExportCustomer", method.answer, problem)}


def _written(document: Any) -> bytes:
    return orjson.dumps(document)


_LASTING = (b"cache-control", b"private, max-age=31536000, immutable")


_VERSION = re.compile(r"[0-9a-f]{64}")


CHANGING = ("state", "approvals")
"""What is said of a version after it was published, which `List` and `Get` of the service tell."""


def _version_route(rulebooks: RulebooksService) -> Route:
    """A published version with its files, which never changes: its version is the answer's ETag."""

    async def answer(call: HttpCall, _receive: AsgiReceive) -> Answer:
        name, version = call.scope["path"].split("/")[3::2]
        missing = NotPublished(f"no version {version!r:.70} of a book {name!r:.60} is published")
        if not _VERSION.fullmatch(version):
            raise missing
        publication = await rulebooks.get(rulebooks_pb2.GetRequest(version=version), call)
        if publication.release.name != name:
            raise missing
        tag = f'"{version}"'.encode()
        headers = ((b"etag", tag), _LASTING, (b"vary", b"authorization, accept-encoding"))
        if _is_known(call, tag):
            return Answer(HTTPStatus.NOT_MODIFIED, headers, b"")
        written = partial(_version_document, publication, is_gzip=takes_gzip(call.header(b"accept-encoding")))
        body, more = await in_thread(written)
        return Answer(200, (_JSON, *headers, *more), body, final=True)

    return Route("GET /v1/books/{name}/versions/{version}", answer, problem)


def _version_document(publication: rulebooks_pb2.GetResponse, *, is_gzip: bool) -> tuple[bytes, Headers]:
    """The version as JSON, and what its encoding adds to the headers. Takes a while: books may be large."""
    document = {key: value for key, value in json_value(publication.release).items() if key not in CHANGING}
    document["files"] = {file.name: file.content.decode() for file in publication.files}
    body = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    compressed = encoded(body, b"gzip") if is_gzip else None
    return (body, ()) if compressed is None else (compressed, ((b"content-encoding", b"gzip"),))


def _is_known(call: HttpCall, tag: bytes) -> bool:
    """Whether the caller has what this ETag stands for."""
    return tag in re.split(rb",\s*", call.header(b"if-none-match"))


@cache
def description() -> bytes:
    """The description of the interface by OpenAPI, as it was made from the contract."""
    return files("engine.server.http").joinpath("openapi.json").read_bytes()


async def _openapi(call: HttpCall, _receive: AsgiReceive) -> Answer:
    return _lasting(call, (_JSON, _FRESH), description())


def _lasting(call: HttpCall, headers: Headers, body: bytes) -> Answer:
    """An answer that is the same for everybody: whoever asks for it has no token, so it is compressed only once."""
    headers = (*headers, (b"vary", b"accept-encoding"))
    compressed = _compressed(body)
    if compressed is None or not takes_gzip(call.header(b"accept-encoding")):
        return Answer(200, headers, body, final=True)
    return Answer(200, (*headers, (b"content-encoding", b"gzip")), compressed, final=True)


@cache
def _compressed(body: bytes) -> bytes | None:
    return encoded(body, b"gzip")


_PAGE = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    _FRESH,
)
"""Of a page that loads and runs nothing."""


async def _docs(call: HttpCall, _receive: AsgiReceive) -> Answer:
    return _lasting(call, _PAGE, _page())


_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #ccc }
code { font-family: ui-monospace, monospace }
a { color: #0b4f8a }
"""


@cache
def _page() -> bytes:
    """The description as one page for people."""
    document = orjson.loads(description())
    info = document["info"]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
        f"<style>{_STYLE}</style><main><h1>{escape(info['title'])}</h1><p>{_prose(info['description'])}</p>",
        "<p>For programs: <a href=/openapi.json>openapi.json</a>.</p><h2>Paths</h2>",
    ]
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            parts.append(f"<h3><code>{verb.upper()} {escape(path)}</code></h3>")
            parts.append(f"<p>{_prose(operation['description'])}</p>{_in_and_out(operation)}")
    parts.append("<h2>Values</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts.append(
            f"<h3 id={escape(name)}>{escape(name)}</h3><p>{_prose(schema.get('description', ''))}</p>"
        )
        parts.append(_properties(schema))
    return "".join([*parts, "</main></html>"]).encode()


def _prose(text: str) -> str:
    """The text with what is in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _in_and_out(operation: Mapping[str, Any]) -> str:
    taken = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    given = operation["responses"]["200"].get("content", {}).get("application/json", {}).get("schema")
    words = [f"Takes {_kind(taken)}." if taken else "", f"Gives {_kind(given)}." if given else ""]
    return f"<p>{' '.join(words)}</p>"


def _properties(schema: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code><td>{_kind(shape)}<td>{_prose(shape.get('description', ''))}"
        for name, shape in schema.get("properties", {}).items()
    ]
    return f"<table><tr><th>field<th>type<th>meaning{''.join(rows)}</table>" if rows else ""


def _kind(shape: Mapping[str, Any]) -> str:
    """The type of a value, with a link to its own description."""
    if "$ref" in shape:
        name = escape(shape["$ref"].rpartition("/")[2])
        return f"<a href=#{name}>{name}</a>"
    if shape.get("type") == "array":
        return f"list of {_kind(shape['items'])}"
    if isinstance(shape.get("additionalProperties"), Mapping):
        return f"map of texts to {_kind(shape['additionalProperties'])}"
    if "enum" in shape:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in shape["enum"])
    return escape(str(shape.get("format") or shape.get("type") or "object"))
