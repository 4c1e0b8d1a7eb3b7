#!/usr/bin/env python3
"""Writes docs/reference/api.md from the contract's comments; with an argument, into that file instead."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import google.rpc.status_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "api.md"

HEAD = """\
# The gRPC contract

Made from the comments of `protos/engine/api/v1/*.proto` by `scripts/describe-api.py`; do not edit.

Package `tact.v1`. Fields are only ever added. A name in *italics* is of another package (`google.protobuf`,
`google.rpc`). [Statuses](statuses.md) says which status code means what.
"""

Path_: TypeAlias = tuple[int, ...]
Comments: TypeAlias = Mapping[Path_, str]

# The numbers of fields in descriptor.proto, of which the paths of comments are made.
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6
_METHOD = _FIELD = _VALUE = 2

_SCALARS = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}


def described() -> FileDescriptorSet:
    """The contract with its comments, as protoc reads it."""
    google_protos = Path(google.rpc.status_pb2.__file__).parents[2]
    files = sorted((ROOT / "protos" / "engine" / "api" / "v1").glob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder) / "set"
        includes = [f"-I{ROOT / 'protos'}", f"-I{google_protos}"]
        options = [f"--descriptor_set_out={descriptors}", "--include_source_info"]
        command = [sys.executable, "-m", "grpc_tools.protoc", *includes, *options, *map(str, files)]
        subprocess.run(command, check=True)  # noqa: S603 our own arguments
        return FileDescriptorSet.FromString(descriptors.read_bytes())


def comments_of(file: FileDescriptorProto) -> Comments:
    """Leading comments, by the path of what they describe."""
    return {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
        if location.leading_comments
    }


def page(files: Sequence[FileDescriptorProto]) -> str:
    """The whole page: services, then messages and enums in the order of the files."""
    parts = [HEAD]
    for draw in (_services, _types):
        for file in files:
            parts += draw(file, comments_of(file))
    return "\n".join(parts)


def _services(file: FileDescriptorProto, comments: Comments) -> Iterator[str]:
    for number, service in enumerate(file.service):
        yield f"## Service {service.name}\n\n{comments.get((_SERVICE, number), '')}\n"
        yield _methods(service, (_SERVICE, number), comments)


def _methods(service: ServiceDescriptorProto, path: Path_, comments: Comments) -> str:
    rows = [
        (
            f"`{method.name}`",
            f"{'stream of ' if method.client_streaming else ''}{_link(method.input_type)}",
            f"{'stream of ' if method.server_streaming else ''}{_link(method.output_type)}",
            comments.get((*path, _METHOD, number), ""),
        )
        for number, method in enumerate(service.method)
    ]
    return _table(("method", "takes", "gives", "meaning"), rows)


def _types(file: FileDescriptorProto, comments: Comments) -> Iterator[str]:
    for number, message in enumerate(file.message_type):
        path = (_MESSAGE, number)
        yield f"## {message.name}\n\n{comments.get(path, '')}\n"
        yield _fields(message, path, comments)
    for number, enum in enumerate(file.enum_type):
        path = (_ENUM, number)
        yield f"## {enum.name}\n\n{comments.get(path, '')}\n"
        yield _values(enum, path, comments)


def _fields(message: DescriptorProto, path: Path_, comments: Comments) -> str:
    rows = [
        (
            str(field.number),
            f"`{field.name}`",
            _type(field, message),
            comments.get((*path, _FIELD, number), ""),
        )
        for number, field in enumerate(message.field)
    ]
    return _table(("no.", "field", "type", "meaning"), rows)


def _values(enum: EnumDescriptorProto, path: Path_, comments: Comments) -> str:
    rows = [
        (str(value.number), f"`{value.name}`", comments.get((*path, _VALUE, number), ""))
        for number, value in enumerate(enum.value)
    ]
    return _table(("no.", "value", "meaning"), rows)


def _type(field: FieldDescriptorProto, message: DescriptorProto) -> str:
    entry = next(
        (nested for nested in message.nested_type if field.type_name.endswith(f".{nested.name}")), None
    )
    if entry is not None and entry.options.map_entry:
        key, value = entry.field
        return f"map of {_named(key)} to {_named(value)}"
    shown = _named(field)
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"list of {shown}"
    if field.proto3_optional:
        return f"{shown}, optional"
    if field.HasField("oneof_index"):
        return f"{shown}, one of `{message.oneof_decl[field.oneof_index].name}`"
    return shown


def _named(field: FieldDescriptorProto) -> str:
    return _link(field.type_name) if field.type_name else _SCALARS[field.type]


def _link(type_name: str) -> str:
    short = type_name.rpartition(".")[2]
    return f"[{short}](#{short.lower()})" if type_name.startswith(".tact.v1.") else f"*{short}*"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in lines)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(described().file, key=lambda file: file.name)
    target.write_text(page(files), encoding="utf-8")
