#!/bin/sh
# Looks for known vulnerabilities of the versions in constraints.txt, with pip-audit in an environment of its own (build/audit).
#
# Needs the network: a package index for pip-audit, and the database of advisories that it asks (PyPI's, or OSV's with
# AUDIT_SERVICE=osv). Exit code 1: there are vulnerabilities; 2: nothing could be looked up, so nothing is known.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=build/audit
report=build/audit/vulnerabilities.md
if ! [ -x "$venv/bin/pip-audit" ]; then
    "$python" -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --constraint constraints.txt pip-audit; then
        echo "pip-audit could not be installed: a package index is needed. Nothing was looked up." >&2
        exit 2
    fi
fi
code=0
"$venv/bin/pip-audit" --requirement constraints.txt --no-deps --disable-pip --progress-spinner off --timeout 60 \
    --vulnerability-service "${AUDIT_SERVICE:-pypi}" --format markdown --output "$report" || code=$?
if [ "$code" = 0 ]; then
    echo "no known vulnerabilities in the versions of constraints.txt"
elif [ -s "$report" ]; then
    cat "$report"
    echo "update what is listed (constraints.txt), or say in the change log why it does not matter" >&2
    exit 1
else
    echo "the database of advisories could not be asked: the network is needed. Nothing is known about vulnerabilities." >&2
    exit 2
fi
