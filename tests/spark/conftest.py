"""A session of Spark: with Java, or of Sail, which speaks the same protocol without."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

ENGINE = os.environ.get("SPARK_ENGINE", "")

by_spark = pytest.mark.skipif(not ENGINE, reason="make test-spark installs Spark and Sail and runs this")
by_classic_spark = pytest.mark.skipif(ENGINE != "classic", reason="make test-spark runs this with Java")


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """The session of the engine that is named."""
    if ENGINE == "sail":
        yield from _sail()
    else:
        yield from _classic()


def _sail() -> Iterator[Any]:
    from pysail.spark import SparkConnectServer  # noqa: PLC0415 - only where make test-spark installed it
    from pyspark.sql import SparkSession  # noqa: PLC0415 - as above

    server = SparkConnectServer(port=0)
    server.start(background=True)
    host, port = server.listening_address
    session = SparkSession.builder.remote(f"sc://{host}:{port}").getOrCreate()
    yield session
    session.stop()
    server.stop()


def _classic() -> Iterator[Any]:
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only where make test-spark installed it

    os.environ["PYSPARK_PYTHON"] = sys.executable  # which its tasks run
    session = (
        SparkSession.builder.master("local[2,4]")  # two threads; a task is tried four times
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield session
    session.stop()
