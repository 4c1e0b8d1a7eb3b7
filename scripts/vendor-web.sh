#!/bin/sh
# Bundles the console's scripts from web/ into engine/console/static, or with a folder as the argument into that folder.
#
# Needs Node 20 or later and npm. The packages are those of web/package-lock.json, from the registry that npm is configured with;
# the same versions give the same bytes.
set -eu
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:-engine/console/static}" && cd "${1:-engine/console/static}" && pwd)
folder=build/web

explain() {
    echo "bundling needs Node 20 or later, and npm: $1" >&2
    exit 1
}

command -v node >/dev/null && command -v npm >/dev/null || explain "they are not here"
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || explain "this is $(node --version)"
mkdir -p "$folder"
cp web/package.json web/package-lock.json web/*.js web/*.mjs "$folder"
if ! cmp -s "$folder/package-lock.json" "$folder/.installed"; then
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
    cp "$folder/package-lock.json" "$folder/.installed"
fi
node "$folder/build.mjs" "$out"
