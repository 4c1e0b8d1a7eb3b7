"""Exports a person in a child process: explaining decisions compiles books, beside which a server's decisions would wait.

The child writes a line of JSON for the head, then one a row, as they are made: `[section, fields]`.
"""

import asyncio
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from typing import IO, Any, NamedTuple, cast

import orjson

from engine.children import child_command, child_environment
from engine.explain.books import Books
from engine.ledger.errors import LedgerError, LedgerUnavailable
from engine.ledger.store.open import open_store
from engine.model.instant import Instant
from engine.privacy.record import HeldEntry, PersonReader, export_of

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
    with tempfile.TemporaryFile() as errors:
        # Not by uvloop: it runs Python in the fork, which ends in SIGSEGV where another thread holds the interpreter.
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - it returns at once; our own code, by our own interpreter
            child_command(_CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=child_environment(),
        )
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        transport: asyncio.ReadTransport | None = None
        try:
            lines = asyncio.StreamReader(limit=_LONGEST_ROW)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(lines), stdout
            )
            await asyncio.to_thread(_send, stdin, job)
            if line := await lines.readline():
                yield orjson.loads(line)
            while line := await lines.readline():
                yield HeldEntry(*orjson.loads(line))
            if await asyncio.to_thread(process.wait):
                errors.seek(0)
                reason = errors.read().decode(errors="replace")[-1_000:]
                raise LedgerUnavailable(f"the person could not be exported: {reason}")
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                stdin.close()
            if transport is None:
                stdout.close()
            else:
                transport.close()
            process.wait()


def _send(pipe: IO[bytes], job: ExportJob) -> None:
    with suppress(BrokenPipeError), pipe:  # a child that has ended says why by its exit code and its errors
        pipe.write(pickle.dumps(job))


def child() -> None:
    """Entry point of the child: reads the job from standard input, writes what is held to standard output."""
    os.nice(5)
    job = ExportJob(*pickle.load(sys.stdin.buffer))  # noqa: S301 - written by `exported`
    try:
        with closing(open_store(job.log)) as store:
            for part in export_of(store, Books(store), job.customer, job.reader, job.now):
                _write(part)
    except LedgerError as error:
        sys.stderr.write(str(error))
        sys.exit(_REFUSED)


def _write(value: Any) -> None:
    if isinstance(value, HeldEntry):
        value = [*value]
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
