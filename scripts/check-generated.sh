#!/bin/sh
# Fails when the committed generated code differs from what the contract, and the asynchronous client, give.
set -eu
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
scripts/generate.sh "$fresh"
for made in "$fresh"/engine/api/v1/* "$fresh"/engine/client/*; do
    diff -u "${made#"$fresh"/}" "$made" || { echo "generated code has drifted: run 'make generate'" >&2; exit 1; }
done
