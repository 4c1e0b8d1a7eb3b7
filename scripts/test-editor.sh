#!/bin/sh
# Tests what editors get: yaml-language-server with the schemas of all shipped books, and the extension for VS Code, which is packaged.
#
# Installs the packages of editors/vscode/package-lock.json below build/editor and runs tests/editor. Node 20 or later and npm are taken from
# the PATH. Where they are missing they are installed from Debian's packages, if this is root on Debian.
set -eu
cd "$(dirname "$0")/.."
folder=build/editor

explain() {
    echo "make test-editor needs Node 20 or later, and npm: $1" >&2
    exit 1
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    command -v apt-get >/dev/null || explain "they are not here, and there is no apt-get to install them with"
    [ "$(id -u)" = 0 ] || explain "they are not here; as root: apt-get install nodejs npm"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null ||
        explain "apt-get could not install nodejs and npm"
fi
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || explain "this is $(node --version)"

mkdir -p "$folder"
cp editors/vscode/* editors/vscode/.vscodeignore LICENSE "$folder"
if ! cmp -s "$folder/package-lock.json" "$folder/.installed"; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/.installed"
fi
EDITOR_PACKAGES=$folder exec "${PYTHON:-.venv/bin/python}" -m pytest tests/editor
