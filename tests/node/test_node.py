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
    """The example on the page is the file that Node runs."""
    shown = {block.value("file"): block.text for block in blocks_of(PAGE)}
    assert shown["call.mjs"] == (EXAMPLE / "call.mjs").read_text(encoding="utf-8")


def test_versions_are_exact_and_no_registry_is_named() -> None:
    """Versions are pinned; which registry brings the packages is the machine's own affair."""
    package = (EXAMPLE / "package.json").read_text(encoding="utf-8")
    assert re.findall(r'"@\w+/[\w-]+": "(.*)"', package) == ["1.14.7", "0.8.1", "1.75.0"]
    lock = (EXAMPLE / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock + package
    assert lock.count('"integrity"') == lock.count('"node_modules/')
