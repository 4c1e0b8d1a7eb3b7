#!/bin/sh
# Runs tests/pgbouncer: servers that follow releases while a connection goes through PgBouncer.
#
# PgBouncer is taken from the PATH. Where it is missing it is installed from Debian's packages, if this is root on Debian.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

explain() {
    echo "make test-pgbouncer needs PgBouncer: $1" >&2
    exit 1
}

pgbouncer=$(command -v pgbouncer || true)
if [ -z "$pgbouncer" ]; then
    command -v apt-get >/dev/null || explain "it is not here, and there is no apt-get to install it with"
    [ "$(id -u)" = 0 ] || explain "it is not here; as root: apt-get install pgbouncer"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends pgbouncer >/dev/null ||
        explain "apt-get could not install pgbouncer"
    pgbouncer=$(command -v pgbouncer)
fi

PGBOUNCER=$pgbouncer exec "$python" -m pytest tests/pgbouncer
