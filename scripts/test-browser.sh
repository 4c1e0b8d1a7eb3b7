#!/bin/sh
# Runs tests/browser, which look at pages that Tact makes in a real browser: errors, accessibility, light and dark, paper.
#
# Chromium is taken from the PATH. Where it is missing it is installed from Debian's packages, if this is root on Debian.
# The packages that drive it come from the package index; no browser is downloaded.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

explain() {
    echo "make test-browser needs Chromium: $1" >&2
    exit 1
}

chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ]; then
    command -v apt-get >/dev/null || explain "it is not here, and there is no apt-get to install it with"
    [ "$(id -u)" = 0 ] || explain "it is not here; as root: apt-get install chromium"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null ||
        explain "apt-get could not install chromium"
    chromium=$(command -v chromium)
fi

"$python" -m pip install --quiet --constraint constraints.txt --group browser
CHROMIUM=$chromium exec "$python" -m pytest tests/browser
