"""Checks and compares in a child process, so that a server's latency stays flat and a hostile book harms nothing.

A book of 1,000 campaigns that is loaded in the serving process raises its p99 fivefold.
"""

import json
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engine.children import child_command, child_environment
from engine.ledger.errors import DeadlinePassed
from engine.model.instant import Instant
from engine.releases.check import CheckedRelease, FailedScenario, check_release, diagnostic_of
from engine.releases.compare import ChangedName, ComparedReleases, compare_releases
from engine.releases.errors import CheckFailed

_MOST_MEMORY = 4 << 30
"""Bytes; a book of a million values takes less than one GiB."""


_CHILD = "from engine.releases.apart import child; child()"


def check_apart(files: Mapping[str, bytes], now: Instant, seconds: float) -> CheckedRelease:
    """What `check_release` gives; raises DeadlinePassed after so many seconds, CheckFailed where the child ends early."""
    document = _done_apart(("check", dict(files), now), seconds)
    return CheckedRelease(
        document["name"],
        document["version"],
        tuple(document["own"]),
        tuple(map(diagnostic_of, document["diagnostics"])),
        document["passed"],
        tuple(FailedScenario(**{**failed, "unmet": tuple(failed["unmet"])}) for failed in document["failed"]),
    )


def compare_apart(old: Mapping[str, str], new: Mapping[str, str], seconds: float) -> ComparedReleases:
    """What `compare_releases` gives; raises as `check_apart`."""
    document = _done_apart(("compare", dict(old), dict(new)), seconds)
    names = tuple(ChangedName(**name) for name in document["names"])
    return ComparedReleases(names, tuple(document["lines"]), document["cut"])


def _done_apart(job: tuple[Any, ...], seconds: float) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S603 our own words
            child_command(_CHILD),
            input=pickle.dumps((job, seconds)),
            capture_output=True,
            timeout=seconds,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        raise DeadlinePassed(
            f"the book was not checked within {seconds:.0f} s, and nothing changed; give the call a longer deadline"
        ) from None
    if done.returncode:
        raise CheckFailed(
            f"the process that checked the book ended with {done.returncode}, and nothing changed:"
            " is the book larger than what it may use, 4 GiB of memory?"
        )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def child() -> None:
    """Entry point of the child: reads the job from standard input, writes what came out as JSON."""
    job, seconds = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by _done_apart
    limit_child(seconds)
    kind, first, second = job
    result = check_release(first, second) if kind == "check" else compare_releases(first, second)
    sys.stdout.write(json.dumps(asdict(result)))


def limit_child(seconds: float) -> None:
    """Bounds what this process may use, and lets others go before it. seconds: of processor time."""
    # if the parent dies first, this process must not run for ever
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    bound_child()


def bound_child() -> None:
    """The same for a process that gets its processor time job by job, from `allow_child`."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    os.nice(5)


def allow_child(seconds: float) -> None:
    """Lets this process use so many seconds of processor time from now on, whatever it used before."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))
