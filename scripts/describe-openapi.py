#!/usr/bin/env python3
"""Writes engine/server/http/openapi.json from the contract's comments; with an argument, into that file instead."""

import json
import re
import runpy
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from engine.api.v1 import decisions_pb2, privacy_pb2, rulebooks_pb2, values_pb2
from engine.server.http.json_reader import short_name
from engine.server.http.lines import NDJSON
from engine.server.http.lines import PATH as STREAM
from engine.server.http.pages import CHANGING, EXPORT, FRIENDLY, PERSON

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "engine" / "server" / "http" / "openapi.json"

SERVICE = decisions_pb2.DESCRIPTOR.services_by_name["Decisions"]

PRIVACY = privacy_pb2.DESCRIPTOR.services_by_name["Privacy"]

DESCRIPTION = """\
Decides what to offer a customer, in which variant and on which channel, or to send nothing. The same contract as over gRPC: \
names are those of its messages, in snake case; camel case is taken too. Fields are only ever added to answers; one \
that is not known in a request is an error. Fields with their zero value are left out of answers. The paths of the \
Connect protocol, `POST /tact.v1.Decisions/METHOD`, take and give the same messages, with the long names of enums."""

_JSON = "application/json"
_REQUIRED = re.compile(r"Required(\.|, at most)")

Schema = dict[str, Any]

VALUES: Schema = {
    "description": "An attribute: a plain value, or an object that names its kind. Moments and days are objects: "
    '{"time": "2026-03-01T09:00:00Z"}, {"date": "2026-03-01"}.',
    "anyOf": [
        {"type": "string"},
        {"type": "boolean"},
        {"type": "number"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "number"}},
        {"$ref": "#/components/schemas/KindOfValue"},
    ],
}

PROBLEM: Schema = {
    "type": "object",
    "description": "Why a request was refused, by RFC 9457.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Always `about:blank`: `code` says which kind of problem it is.",
        },
        "title": {"type": "string", "description": "The words of the status."},
        "status": {"type": "integer", "description": "The status of HTTP."},
        "detail": {"type": "string", "description": "What is wrong, in a sentence."},
        "code": {"type": "string", "description": "gRPC's status in small letters: `invalid_argument`."},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

LIVE_BOOK: Schema = {
    "type": "object",
    "description": "The book that decides now.",
    "required": ["name", "version", "campaigns"],
    "properties": {
        "name": {"type": "string", "description": "Its name."},
        "version": {
            "type": "string",
            "description": "Its version: a SHA-256 in hexadecimal. Also the answer's ETag.",
        },
        "campaigns": {"type": "integer", "description": "How many campaigns it has."},
    },
}

_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
}

_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Any": {"type": "object", "additionalProperties": True},
}


class Schemas:
    """The schemas of messages and enums, described by the contract's comments."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self.made: dict[str, Schema] = {}

    def reference(self, descriptor: Descriptor, *, sent: bool) -> Schema:
        """A reference to the message's schema. sent: whether it is part of a request, so that other fields are errors."""
        name = descriptor.name
        if descriptor is values_pb2.Value.DESCRIPTOR:
            self.made.setdefault("Value", VALUES)
            name = "KindOfValue"
            self._make(name, descriptor, sent=True)
            return {"$ref": "#/components/schemas/Value"}
        self._make(name, descriptor, sent=sent)
        return {"$ref": f"#/components/schemas/{name}"}

    def _make(self, name: str, descriptor: Descriptor, *, sent: bool) -> None:
        if name in self.made:
            return
        schema = self.made[name] = {"type": "object"}
        if comment := self._comments.get(descriptor.full_name, ""):
            schema["description"] = comment
        comments = {field: self._comments.get(field.full_name, "") for field in descriptor.fields}
        required = [field.name for field, comment in comments.items() if sent and _REQUIRED.search(comment)]
        if required:
            schema["required"] = required
        schema["properties"] = {
            field.name: _described(self._field(field, sent=sent), comment)
            for field, comment in comments.items()
        }
        if sent:
            schema["additionalProperties"] = False

    def _field(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            values = self._of_entry(entry.fields_by_name["value"], sent=sent)
            return {"type": "object", "additionalProperties": values}
        entry_schema = self._of_entry(field, sent=sent)
        return {"type": "array", "items": entry_schema} if field.is_repeated else entry_schema

    def _of_entry(self, field: FieldDescriptor, *, sent: bool) -> Schema:
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        if field.message_type is None:
            return dict(_SCALARS[field.type])
        known = _WELL_KNOWN.get(field.message_type.full_name)
        return dict(known) if known else self.reference(field.message_type, sent=sent)

    def _enum(self, descriptor: EnumDescriptor) -> Schema:
        values = [value for value in descriptor.values if value.number]
        names = [short_name(descriptor, value.name) for value in values]
        meanings = [self._comments.get(f"{descriptor.full_name}.{value.name}", "") for value in values]
        parts = [self._comments.get(descriptor.full_name, "")]
        parts += [f"`{name}`: {meaning}" for name, meaning in zip(names, meanings, strict=True) if meaning]
        made = {"type": "string", "enum": names, "description": " ".join(filter(None, parts))}
        self.made.setdefault(descriptor.name, made)
        return {"$ref": f"#/components/schemas/{descriptor.name}"}


def _described(schema: Schema, comment: str) -> Schema:
    return {**schema, "description": comment} if comment else schema


def comments() -> dict[str, str]:
    """The contract's comments, by the full names of what they describe."""
    api = runpy.run_path(str(ROOT / "scripts" / "describe-api.py"))
    files = api["described"]().file
    return {name: text for file in files for name, text in _named(file, api["comments_of"](file))}


def _named(file: Any, texts: Mapping[tuple[int, ...], str]) -> Iterator[tuple[str, str]]:
    """Each comment with the full name of what it describes; numbers are those of the fields of descriptor.proto."""
    for path, comment in texts.items():
        parent: Any = {4: file.message_type, 5: file.enum_type, 6: file.service}[path[0]][path[1]]
        names = [file.package, parent.name]
        if len(path) == 4:
            parts = {4: "field", 5: "value", 6: "method"}[path[0]]
            names.append(getattr(parent, parts)[path[3]].name)
        yield ".".join(names), comment


def _answer(schema: Schema, description: str) -> Schema:
    return {
        "200": {"description": description, "content": {_JSON: {"schema": schema}}},
        "default": {
            "description": "A refusal.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        },
    }


def _parameters(method: str) -> list[Schema]:
    timeout = {
        "name": "Connect-Timeout-Ms",
        "in": "header",
        "description": "Milliseconds that the caller waits. A decision that is later is not kept.",
        "schema": {"type": "integer", "minimum": 0},
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Stands for `request_id`: a retry with the same key returns the same decision.",
        "schema": {"type": "string", "maxLength": 200},
    }
    return [key, timeout] if method == "Decide" else [timeout]


def document() -> Schema:
    """The whole description."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    texts = comments()
    schemas, paths = Schemas(texts), dict[str, Schema]()
    for service, names in ((SERVICE, FRIENDLY), (PRIVACY, PERSON)):
        for path, name in names.items():
            method = service.methods_by_name[name]
            answer = schemas.reference(method.output_type, sent=False)
            paths[path] = {"post": _operation(method, texts, schemas, answer)}
    export = PRIVACY.methods_by_name["ExportCustomer"]
    paths[EXPORT] = {"post": _operation(export, texts, schemas, _exported(schemas))}
    paths[STREAM] = {"post": _stream(texts[SERVICE.methods_by_name["DecideStream"].full_name])}
    paths["/v1/books/{name}/live"] = {"get": _live_book()}
    schemas.made["PublishedBook"] = _published(schemas)
    paths["/v1/books/{name}/versions/{version}"] = {"get": _version()}
    paths["/healthz"] = {"get": _probe("healthz", "Whether the process answers.", "live")}
    paths["/readyz"] = {
        "get": _probe("readyz", "Whether the server is ready for calls; 503 where it is not.", "ready")
    }
    made = {"Problem": PROBLEM, "LiveBook": LIVE_BOOK, **schemas.made}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tact", "version": version, "description": DESCRIPTION},
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(made.items())),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A caller's token, where the server knows callers.",
                }
            },
        },
    }


def _operation(method: Any, texts: Mapping[str, str], schemas: Schemas, answer: Schema) -> Schema:
    """A method of the contract that is posted to. answer: the schema of what it gives."""
    name, comment = method.name, texts[method.full_name]
    taken = schemas.reference(method.input_type, sent=True)
    return {
        "operationId": name[0].lower() + name[1:],
        "summary": comment.partition(".")[0],
        "description": comment,
        "parameters": _parameters(name),
        "requestBody": {"required": True, "content": {_JSON: {"schema": taken}}},
        "responses": _answer(answer, "The answer."),
    }


def _exported(schemas: Schemas) -> Schema:
    """The document of an export: the head, and the rows of each section under its name."""
    head = schemas.reference(privacy_pb2.ExportHead.DESCRIPTOR, sent=False)
    rows = {
        "type": "object",
        "description": "Of each name in `sections`, the rows.",
        "additionalProperties": {"type": "array", "items": {"type": "object"}},
    }
    return {"allOf": [head, rows]}


def _live_book() -> Schema:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    description = "Name, version and number of campaigns of the book that decides now; 304 for an ETag that is still right."
    answers = _answer({"$ref": "#/components/schemas/LiveBook"}, "The live book.")
    answers["304"] = {"description": "The version is still that of If-None-Match."}
    return {
        "operationId": "liveBook",
        "summary": "The live book",
        "description": description,
        "parameters": [name],
        "responses": answers,
    }


def _published(schemas: Schemas) -> Schema:
    """A version without what may change of it, and with its files by name."""
    schemas.reference(rulebooks_pb2.Release.DESCRIPTOR, sent=False)
    release = schemas.made.pop("Release")
    del schemas.made["Approval"]
    kept = {name: schema for name, schema in release["properties"].items() if name not in CHANGING}
    files = {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Its files by name, as they were published, with its scenarios.",
    }
    return {
        "type": "object",
        "description": "A version that was published. Nothing of it ever changes.",
        "required": ["version", "name", "files"],
        "properties": {**kept, "files": files},
    }


def _version() -> Schema:
    names = {
        "name": "The book's name.",
        "version": "The whole hash of the version, which is also the answer's ETag.",
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in names.items()
    ]
    description = (
        "A published version with its files, for callers with a role `read`, `write`, `approve` or `admin`. It never "
        "changes, so that caches may keep it; 304 for its ETag."
    )
    answers = _answer({"$ref": "#/components/schemas/PublishedBook"}, "The version.")
    answers["304"] = {"description": "The version is that of If-None-Match."}
    return {
        "operationId": "publishedBook",
        "summary": "A published version",
        "description": description,
        "parameters": parameters,
        "responses": answers,
    }


def _stream(comment: str) -> Schema:
    """The stream of decisions, whose lines no schema describes."""
    kind = NDJSON.decode()
    lines = {
        "type": "string",
        "description": "A DecideRequest a line. What is too long, no JSON or no request concerns its line alone.",
    }
    answered = {
        "type": "string",
        "description": "A DecideResponse a line: line n is for line n of the body, blank ones aside. A last line with an "
        "`error` and without a `request_id` tells why the stream ended early.",
    }
    answers = _answer({}, "Answers, while the body still arrives.")
    answers["200"]["content"] = {kind: {"schema": answered}}
    return {
        "operationId": "decideStream",
        "summary": comment.partition(".")[0],
        "description": f"{comment} Over HTTP they come in the order of the lines.",
        "parameters": _parameters("DecideStream"),
        "requestBody": {"required": True, "content": {kind: {"schema": lines}}},
        "responses": answers,
    }


def _probe(name: str, description: str, field: str) -> Schema:
    schema = {"type": "object", "properties": {field: {"type": "boolean"}}}
    answer = {"200": {"description": "It is.", "content": {_JSON: {"schema": schema}}}}
    return {
        "operationId": name,
        "summary": description,
        "description": description,
        "security": [{}],
        "responses": answer,
    }


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
