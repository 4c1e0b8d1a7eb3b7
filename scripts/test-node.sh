#!/bin/sh
# Tests the contract from Node: installs examples/node below build/node and runs tests/node, which start a server and call it; and
# installs what the services on Node need that the benchmark sets beside Tact, and compares their answers with its own.
#
# Node 20 or later and npm are taken from the PATH. Where they are missing they are installed from Debian's packages, if this
# is root on Debian. npm takes the versions of package-lock.json from the registry that it is configured with.
set -eu
cd "$(dirname "$0")/.."
folder=build/node

explain() {
    echo "make test-node needs Node 20 or later, and npm: $1" >&2
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
cp examples/node/package.json examples/node/package-lock.json examples/node/*.mjs examples/node/*.ts "$folder"
if ! cmp -s "$folder/package-lock.json" "$folder/.installed"; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/.installed"
fi
"${PYTHON:-.venv/bin/python}" -m bench.peers_service.node
NODE_EXAMPLE=$folder NODE_PEERS=build/peers-service exec "${PYTHON:-.venv/bin/python}" -m pytest tests/node tests/bench/test_peers_service.py
