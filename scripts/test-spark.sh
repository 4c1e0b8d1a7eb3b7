#!/bin/sh
# Runs tests/spark twice, each in a virtual environment of its own, since their packages exclude each other: with Sail, which
# needs no Java, and with Spark itself.
#
# Java is taken from the PATH. Where it is missing it is installed from Debian's packages, if this is root on Debian.
set -eu
cd "$(dirname "$0")/.."

explain() {
    echo "make test-spark needs Java 17 or later: $1" >&2
    exit 1
}

if ! command -v java >/dev/null; then
    command -v apt-get >/dev/null || explain "it is not here, and there is no apt-get to install it with"
    [ "$(id -u)" = 0 ] || explain "it is not here; as root: apt-get install openjdk-17-jre-headless"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null ||
        explain "apt-get could not install openjdk-17-jre-headless"
fi

scripts/setup.sh build/sail sail
SPARK_ENGINE=sail build/sail/bin/python -m pytest tests/spark
scripts/setup.sh build/spark spark
SPARK_ENGINE=classic build/spark/bin/python -m pytest tests/spark
