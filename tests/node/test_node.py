"""The example of the page, run by Node against a real server, with nothing but the folder protos/."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.docs.pages import ROOT, blocks_of
from tests.logs import sqlite_log
from tests.servers import serving

EXAMPLE = ROOT / "examples" / "node"
PAGE = ROOT / "docs" / "how-to" / "call-from-another-language.md"
HTTP_PAGE = ROOT / "docs" / "how-to" / "call-over-http.md"
INSTALLED = os.environ.get("NODE_EXAMPLE", "")


@pytest.mark.skipif(not INSTALLED, reason="make test-node installs Node's packages and runs this")
def test_node_decides_records_and_asks_for_health(tmp_path: Path) -> None:
    """Loaded from a copy of protos/, the contract is served: health, a decision, an outcome, a refusal of each kind."""
    protos = shutil.copytree(ROOT / "protos", tmp_path / "protos")
    node = shutil.which("node")
    assert node is not None
    log = sqlite_log(tmp_path)
    with serving(ROOT / "rules" / "cosmetics-cn", log, "--allow-simulated-now") as server:
        command = [node, "call.mjs", server.target, str(protos)]
        result = subprocess.run(
            command, cwd=ROOT / INSTALLED, capture_output=True, text=True, timeout=120, check=False
        )
    assert (result.stderr, result.returncode) == ("", 0)
    lines = result.stdout.splitlines()
    assert lines[:3] == ["SERVING", "OUTCOME_OFFER rich-cream-north wechat", "node-1-delivered accepted "]
    assert lines[3].startswith("node-1-opened error events[1].event.type: 'opend' is not an outcome")
    assert lines[4] == "INVALID_ARGUMENT customer.id: is required"
    assert len(lines) == 5
    assert log.rows("select campaign, state from contacts") == [("rich-cream-north", "confirmed")]


@pytest.mark.skipif(not INSTALLED, reason="make test-node installs Node's packages and runs this")
def test_clients_of_connect_and_of_openapi_decide_over_http(tmp_path: Path) -> None:
    """By the published client of Connect in both formats, and by types generated from the served description."""
    programs, made = ROOT / INSTALLED, tmp_path / "set.binpb"
    run_in(programs, programs / "node_modules" / ".bin" / "buf", "build", ROOT / "protos", "--output", made)
    described = ROOT / "engine" / "server" / "http" / "openapi.json"
    run_in(programs, "npx", "--no-install", "openapi-typescript", described, "--output", "tact.ts")
    compiled = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "fetch.ts")
    run_in(programs, "npx", "--no-install", "tsc", *compiled)
    options = ("--allow-simulated-now", "--http", "127.0.0.1:0")
    with serving(ROOT / "rules" / "cosmetics-cn", sqlite_log(tmp_path), *options) as server:
        assert run_in(programs, "node", "connect.mjs", server.http, made).splitlines() == [
            "connect-protobuf 1 rich-cream-north",
            "InvalidArgument customer.id",
            "connect-json 4 ",
            "InvalidArgument customer.id",
        ]
        assert run_in(programs, "node", "fetch.js", server.http).splitlines() == [
            "offer rich-cream-north undefined",
            "invalid_argument customer.id",
        ]


def run_in(folder: Path, *words: object) -> str:
    """What a command prints; it says nothing else and ends with 0."""
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not INSTALLED, reason="make test-node installs Node's packages and runs this")
def test_the_folder_is_a_module_of_buf(tmp_path: Path) -> None:
    """`buf build` takes a copy of protos/ with nothing beside it."""
    protos = shutil.copytree(ROOT / "protos", tmp_path / "protos")
    buf = ROOT / INSTALLED / "node_modules" / ".bin" / "buf"
    made = tmp_path / "set.binpb"
    result = subprocess.run(
        [buf, "build", "--output", str(made)],
        cwd=protos,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (result.stderr, result.returncode) == ("", 0)
    described = FileDescriptorSet.FromString(made.read_bytes())
    assert {"tact.v1", "google.rpc", "grpc.health.v1"} <= {file.package for file in described.file}


def test_the_page_shows_the_tested_file() -> None:
    """The examples on the pages are the files that Node runs."""
    shown = {block.value("file"): block.text for page in (PAGE, HTTP_PAGE) for block in blocks_of(page)}
    for name in ("call.mjs", "connect.mjs", "fetch.ts"):
        assert shown[name] == (EXAMPLE / name).read_text(encoding="utf-8")


def test_versions_are_exact_and_no_registry_is_named() -> None:
    """Versions are pinned; which registry brings the packages is the machine's own affair."""
    package = (EXAMPLE / "package.json").read_text(encoding="utf-8")
    assert re.findall(r'"(?:@\w+/)?[\w-]+": "([^"]*\d\.\d[^"]*)"', package) == [
        *("2.17.0", "2.1.2", "2.1.2", "1.14.7", "0.8.1", "0.17.0"),
        *("1.75.0", "20.19.43", "7.13.0", "5.9.3"),
    ]
    lock = (EXAMPLE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock + package
    assert lock.count('"integrity"') == lock.count('"node_modules/')
