#!/bin/sh
# Tests the contract from Node: installs examples/node below build/node and runs tests/node, which start a server and call it; and
# installs what the services on Node need that the benchmark sets beside Tact, and compares their answers with its own.
#
# The Node is that of scripts/node.sh. npm takes the versions of package-lock.json from the registry that it is configured with.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh

need_node "make test-node"
install_packages build/node examples/node/package.json examples/node/package-lock.json examples/node/*.mjs examples/node/*.ts
"${PYTHON:-.venv/bin/python}" -m bench.peers_service.node
NODE_EXAMPLE=build/node NODE_PEERS=build/peers-service exec "${PYTHON:-.venv/bin/python}" -m pytest tests/node tests/bench/test_peers_service.py
