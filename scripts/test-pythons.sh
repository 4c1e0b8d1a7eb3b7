#!/bin/sh
# Runs a quick part of the tests, and the demo, with every supported Python of this machine, each in a virtual environment
# build/pythons/3.X of its own.
#
# Interpreters are those of pyenv, active or not, and python3.X on the PATH. A version that is not here is named and not tested.
set -eu
cd "$(dirname "$0")/.."
pyenv=${PYENV_ROOT:-$HOME/.pyenv}
suites="tests/conditions tests/rulebook tests/decide tests/ledger tests/scenario tests/client"
failed= tested= absent=

runs() {
    "$1" -c "import ensurepip, sys, venv; sys.exit('%d.%d' % sys.version_info[:2] != '$2')" >/dev/null 2>&1
}

interpreter() {
    for candidate in "$pyenv/versions/$1".*/bin/python "python$1"; do
        if runs "$candidate" "$1"; then
            echo "$candidate"
            return
        fi
    done
}

check() {
    venv=build/pythons/$1
    PYTHON=$2 scripts/setup.sh "$venv" test || return 1
    # PostgreSQL and the generated client are the same whatever the Python; make test has them
    "$venv/bin/python" -m pytest -n 2 --dist worksteal -k "not postgres and not committed_client" -p no:cacheprovider $suites || return 1
    "$venv/bin/tact" demo --folder "build/pythons/demo-$1" >"build/pythons/demo-$1.txt" || return 1
    grep acknowledged "build/pythons/demo-$1.txt"
}

mkdir -p build/pythons
for version in 3.11 3.12 3.13 3.14; do
    python=$(interpreter "$version")
    if [ -z "$python" ]; then
        absent="$absent $version"
        continue
    fi
    echo "== Python $version: $python"
    if check "$version" "$python"; then tested="$tested $version"; else failed="$failed $version"; fi
done
echo "passed:${tested:- none}; failed:${failed:- none}; not on this machine, so not tested:${absent:- none}"
[ -z "$failed" ] && [ -n "$tested" ]
