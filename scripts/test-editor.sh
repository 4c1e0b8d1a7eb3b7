#!/bin/sh
# Tests what editors get: yaml-language-server with the schemas of all shipped books, and the extension for VS Code, which is packaged.
#
# Installs the packages of editors/vscode/package-lock.json below build/editor and runs tests/editor, with the Node of scripts/node.sh.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh

need_node "make test-editor"
install_packages build/editor editors/vscode/* editors/vscode/.vscodeignore LICENSE
EDITOR_PACKAGES=build/editor exec "${PYTHON:-.venv/bin/python}" -m pytest tests/editor
