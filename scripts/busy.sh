#!/bin/sh
# Runs a command while other processes keep every core busy: what must not depend on the machine's speed still has to pass.
#
# Usage: busy.sh COMMAND... The exit code is the command's.
set -eu
cores=$(getconf _NPROCESSORS_ONLN)
loops=
trap 'kill $loops 2>/dev/null || true' EXIT
trap 'exit 130' INT TERM
while [ "$cores" -gt 0 ]; do
    (while kill -0 $$ 2>/dev/null; do :; done) & # ends with this script, even if that is killed
    loops="$loops $!"
    cores=$((cores - 1))
done
"$@"
