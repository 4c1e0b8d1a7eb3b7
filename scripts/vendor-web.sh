#!/bin/sh
# Bundles the console's scripts from web/ into engine/console/static, or with a folder as the argument into that folder.
#
# The packages are those of web/package-lock.json, from the registry that npm is configured with; the same versions give the same bytes.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh
out=$(mkdir -p "${1:-engine/console/static}" && cd "${1:-engine/console/static}" && pwd)

need_node "bundling"
install_packages build/web web/package.json web/package-lock.json web/*.js web/*.mjs
node build/web/build.mjs "$out"
