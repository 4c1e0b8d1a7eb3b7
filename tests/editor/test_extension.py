"""The extension for VS Code: what it starts, and that it can be packaged."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

PACKAGES = os.environ.get("EDITOR_PACKAGES", "")
pytestmark = pytest.mark.skipif(
    not PACKAGES, reason="make test-editor installs Node's packages and runs this"
)

STORY = """
const Module = require('module');
const shown = [], started = [];
class LanguageClient {
  constructor(...words) { this.words = words; }
  async start() { started.push(this.words); if (process.argv[1] === 'fails') throw new Error('no such file'); }
}
const vscode = {
  workspace: { workspaceFolders: [{ uri: { fsPath: '/book' } }], getConfiguration: () => ({ get: () => ['tact', 'lsp'] }) },
  extensions: { getExtension: (id) => (process.argv[2] === id ? {} : undefined) },
  window: { showErrorMessage: (message) => shown.push(message) },
};
const load = Module._load;
Module._load = (name, ...rest) =>
  name === 'vscode' ? vscode : name === 'vscode-languageclient/node' ? { LanguageClient } : load(name, ...rest);
require('./extension.js').activate({ subscriptions: [] }).then(() => console.log(JSON.stringify({ shown, started })));
"""


def _activated(*words: str) -> tuple[list[str], list[list[object]]]:
    """What the extension showed, and the clients that it started, in a window without a window."""
    node = shutil.which("node")
    assert node is not None
    command = [node, "-e", STORY, *words]
    result = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=60, check=True)
    document = json.loads(result.stdout)
    return document["shown"], document["started"]


def test_it_starts_the_server_and_leaves_keys_to_the_other_extension() -> None:
    """The command of the setting, in the folder; with Red Hat's extension only names are completed."""
    shown, ((_, _, server, options),) = _activated("works", "none")
    assert shown == []
    assert server == {"command": "tact", "args": ["lsp"], "options": {"cwd": "/book"}}
    assert isinstance(options, dict)
    assert options["initializationOptions"] == {"keysAndValues": True}
    _, ((_, _, _, options),) = _activated("works", "redhat.vscode-yaml")
    assert isinstance(options, dict)
    assert options["initializationOptions"] == {"keysAndValues": False}


def test_a_program_that_is_missing_is_said_in_a_sentence() -> None:
    """With what to install, and the setting to change."""
    shown, _ = _activated("fails", "none")
    assert shown == [
        "Tact's language server did not start: no such file. Install it (pip install 'tact[editor]'), or say in the setting "
        "tact.command where it is."
    ]


def test_it_is_packaged_with_what_it_needs() -> None:
    """The file for VS Code has the extension and its client, and nothing that only builds it."""
    vsce, package = Path(PACKAGES, "node_modules/.bin/vsce").resolve(), Path(PACKAGES, "tact.vsix")
    command = [str(vsce), "package", "--allow-missing-repository", "--out", package.name]
    subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, timeout=120, check=True)
    names = zipfile.ZipFile(package).namelist()
    assert {"extension/extension.js", "extension/package.json", "extension/readme.md"} <= set(names)
    assert "extension/node_modules/vscode-languageclient/lib/node/main.js" in names
    assert not [name for name in names if "yaml-language-server" in name or "vsce" in name]
