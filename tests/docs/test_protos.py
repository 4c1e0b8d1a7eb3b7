"""The folder protos/ is complete: it compiles by itself, and what others wrote is as they wrote it."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import google.rpc.status_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_health.v1 import health_pb2

from tests.docs.pages import ROOT

PROTOS = ROOT / "protos"


def test_every_import_is_there(tmp_path: Path) -> None:
    """protoc compiles all files with no other folder than this one, so every import is in it."""
    made = tmp_path / "set"
    names = [path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto")]
    files_named = {
        line.split('"')[1]
        for name in names
        for line in (PROTOS / name).read_text(encoding="utf-8").splitlines()
        if line.startswith("import ")
    }
    assert files_named <= set(names)
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{PROTOS}",
        f"--descriptor_set_out={made}",
        *names,
    ]
    subprocess.run(command, check=True)
    described = FileDescriptorSet.FromString(made.read_bytes())
    assert {file.name for file in described.file} == set(names)
    (health,) = [file for file in described.file if file.package == "grpc.health.v1"]
    served = FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(served)
    assert fields_of(served)
    assert fields_of(served) <= fields_of(health)


def fields_of(file: FileDescriptorProto) -> set[tuple[str, str, int, int]]:
    """Message, name, number and type of each field of a file."""
    return {
        (message.name, field.name, field.number, field.type)
        for message in file.message_type
        for field in message.field
    }


def test_files_of_others_are_unchanged() -> None:
    """What Python packages bring is copied byte by byte; after an update of a package, copy them again."""
    google = Path(google_folder())
    for name in ("google/rpc/status.proto", "google/rpc/error_details.proto"):
        assert (PROTOS / name).read_bytes() == (google / name).read_bytes()
    tools = files("grpc_tools") / "_proto"
    for name in ("any", "duration", "timestamp"):
        shipped = f"google/protobuf/{name}.proto"
        assert (PROTOS / shipped).read_bytes() == tools.joinpath(shipped).read_bytes()


def google_folder() -> str:
    """Where the googleapis are installed."""
    return str(Path(google.rpc.status_pb2.__file__).parents[2])


def test_the_readme_names_every_folder() -> None:
    """Each folder with files has a row with its origin and license."""
    readme = (PROTOS / "README.md").read_text(encoding="utf-8")
    folders = {path.parent.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto")}
    assert {folder for folder in folders if f"| `{folder}` |" not in readme} == set()
