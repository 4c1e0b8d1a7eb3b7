#!/bin/sh
# Makes the virtual environment named by the argument and installs the project and its tools into it.
set -eu
venv=$1
python=
for candidate in ${PYTHON:-} python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "tact needs Python 3.11 or 3.12 on the PATH (or name one: make setup PYTHON=/path/to/python3.12)" >&2
    exit 1
fi
if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
    echo "tact needs a C compiler: durable-rules comes as source and is compiled here." >&2
    echo "  Debian, Ubuntu: apt-get install gcc libc6-dev    Fedora: dnf install gcc    macOS: xcode-select --install" >&2
    exit 1
fi
echo "setting up $venv with $("$python" --version)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --upgrade pip
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[postgres]' --group dev
