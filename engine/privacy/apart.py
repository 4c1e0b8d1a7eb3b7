"""Exports a person in a child process: explaining decisions compiles books, beside which a server's decisions would wait.

The child writes a line of JSON for the head, then one a row, as they are made: `[section, fields]`.
"""

import asyncio
import os
import pickle
import sys
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from typing import Any, NamedTuple, cast

import orjson

from engine.children import child_command, child_environment
from engine.explain.books import Books
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.store.open import open_store
from engine.model.instant import Instant
from engine.privacy.record import HeldEntry, PersonReader, entries, head, read_person

_CHILD = "from engine.privacy.apart import child; child()"

_LONGEST_ROW = 256 << 20
"""Bytes of a line; a decision with a batch of content has some kilobytes."""

_REFUSED = 3
"""The child's exit code where the log could not be read."""


class ExportJob(NamedTuple):
    """What the child is to export."""

    log: str
    """The log's URL; it may hold a password, so it goes through a pipe."""
    customer: str
    reader: PersonReader
    now: Instant


async def exported(job: ExportJob) -> AsyncGenerator[dict[str, Any] | HeldEntry, None]:
    """The head, then the rows, as they are made. Raises LedgerUnavailable, also where the child ends early."""
    process = await asyncio.create_subprocess_exec(
        *child_command(_CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=_LONGEST_ROW,
        env=child_environment(),
    )
    stdin, stdout, stderr = (
        cast("Any", stream) for stream in (process.stdin, process.stdout, process.stderr)
    )
    try:
        stdin.write(pickle.dumps(job))
        stdin.close()
        if line := await stdout.readline():
            yield orjson.loads(line)
        while line := await stdout.readline():
            yield HeldEntry(*orjson.loads(line))
        said = await stderr.read()
        if await process.wait():
            raise LedgerUnavailable(
                f"the person could not be exported: {said.decode(errors='replace')[-1_000:]}"
            )
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def child() -> None:
    """Entry point of the child: reads the job from standard input, writes what is held to standard output."""
    os.nice(5)
    job = ExportJob(*pickle.load(sys.stdin.buffer))  # noqa: S301 - written by `exported`
    try:
        with closing(open_store(job.log)) as store:
            record = read_person(store, job.customer, job.reader, job.now)
            _write(head(record))
            for entry in entries(record, Books(store)):
                _write(entry)
    except LedgerError as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)


def _write(value: Any) -> None:
    if isinstance(value, HeldEntry):
        value = [*value]
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
