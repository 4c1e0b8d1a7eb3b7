#!/bin/sh
# Makes a virtual environment and installs the project into it, with a group of development tools.
#
# Usage: setup.sh VENV [GROUP]. GROUP is a dependency group of pyproject.toml, `dev` unless given.
# PYTHON names the interpreter; without it, the newest of 3.14, 3.13, 3.12 and 3.11 that is on the PATH and runs.
# An environment that is up to date is left alone. One whose interpreter works is kept, unless PYTHON names another
# interpreter; then it is made again.
set -eu
venv=$1
group=${2:-dev}
ready=$venv/.ready

# Whether the interpreter runs, has a supported version, and can make virtual environments. Only running it tells: a shim of
# pyenv is on the PATH for every version that is installed, and fails unless that version is active.
suits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' >/dev/null 2>&1
}

# The installation that an interpreter belongs to, the same for all environments made from it; empty if it does not run.
base() {
    "$1" -c 'import sys; print(*sys.version_info[:3], sys.base_prefix)' 2>/dev/null || true
}

version() {
    "$1" -c 'import platform; print(platform.python_version())'
}

up_to_date() {
    [ -e "$ready" ] && [ -z "$(find pyproject.toml constraints.txt scripts/setup.sh -newer "$ready")" ]
}

python=
if [ -n "${PYTHON:-}" ]; then
    if ! suits "$PYTHON"; then
        echo "PYTHON=$PYTHON cannot be used: it has to be Python 3.11, 3.12, 3.13 or 3.14, with the modules venv and ensurepip" >&2
        exit 1
    fi
    python=$PYTHON
fi

if [ -x "$venv/bin/python" ] && suits "$venv/bin/python" &&
    { [ -z "$python" ] || [ "$(base "$python")" = "$(base "$venv/bin/python")" ]; }; then
    if up_to_date; then
        exit 0
    fi
    python=$venv/bin/python
    echo "keeping $venv, which has Python $(version "$python"); make setup PYTHON=... makes it again with another"
elif [ -e "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv")" ]; then
    echo "$venv is there and is not a virtual environment: move it away" >&2
    exit 1
fi

for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
    if [ -z "$python" ] && suits "$candidate"; then
        python=$candidate
    fi
done
if [ -z "$python" ]; then
    echo "tact needs Python 3.11, 3.12, 3.13 or 3.14 on the PATH, with the modules venv and ensurepip" >&2
    echo "  Debian, Ubuntu: apt-get install python3 python3-venv    Another place: make setup PYTHON=/path/to/python3.13" >&2
    exit 1
fi

if "$python" -c 'import sys; sys.exit(sys.version_info >= (3, 13))'; then
    if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
        echo "tact needs a C compiler on Python 3.11 and 3.12: durable-rules comes as source and is compiled here." >&2
        echo "  Debian, Ubuntu: apt-get install gcc libc6-dev    Fedora: dnf install gcc    macOS: xcode-select --install" >&2
        echo "  Python 3.13 and 3.14 need none: make setup PYTHON=/path/to/python3.13" >&2
        exit 1
    fi
else
    echo "durable-rules cannot be installed on Python $(version "$python"): signals are inferred by the Python evaluator"
fi

echo "installing into $venv with Python $(version "$python")"
if [ "$python" != "$venv/bin/python" ]; then
    "$python" -m venv --clear "$venv"
fi
rm -f "$ready"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --upgrade pip
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[batch,certificates,console,editor,http,measure,postgres]' --group "$group"
touch "$ready"
