"""New rules are first tried in a process of their own: the library may hang, keeping the interpreter's lock, or crash."""

import os
import pickle
import resource
import subprocess
import sys
import time

from engine.signals import kernel
from engine.signals.compile import CompiledSignals
from engine.signals.infer import infer
from engine.signals.samples import MOMENT, samples

_CHILD = "from engine.signals.probe import child; child()"


def probe(compiled: CompiledSignals, seconds: float = 30.0) -> str | None:
    """Try the rules in a throw-away process; None when they may go live, else why not.

    The process builds the rulesets, compares their answers with the naive evaluator's on as many samples as a third of
    the time allows, and frees them. It is killed after `seconds`. Where durable-rules is not installed nothing is tried.
    """
    if kernel.LIBRARY is None or not compiled.strata:
        return None
    # Its own and trusted: the rules that this process compiled.
    command, environment = (
        [sys.executable, "-c", _CHILD],
        {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    rules = pickle.dumps((compiled, seconds))
    try:
        done = subprocess.run(  # noqa: S603
            command, input=rules, capture_output=True, timeout=seconds, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"no end within {seconds:g} s"
    if done.returncode < 0:
        return f"killed by signal {-done.returncode}"
    if done.returncode > 0:
        return f"exit code {done.returncode}: {_last_line(done.stderr)}"
    return done.stdout.decode() or None


def child() -> None:
    """In the process: read the rules, write what is wrong with them."""
    compiled, seconds = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by probe
    # Should the parent die first, the process must not run for ever.
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(examine(compiled, seconds / 3) or "")


def examine(compiled: CompiledSignals, seconds: float) -> str | None:
    """What is wrong with the library's answers on samples, compared for so long; None where nothing is."""
    end = time.monotonic() + seconds
    evaluator = kernel.DurableKernel(compiled)
    for attributes in samples(compiled):
        expected, found = infer(compiled, attributes, MOMENT), infer(compiled, attributes, MOMENT, evaluator)
        if not evaluator.healthy:
            return "the library failed"
        if found != expected:
            return f"a wrong answer on {', '.join(sorted(found ^ expected))}"
        if time.monotonic() > end:
            break
    evaluator.close()
    return "the library failed" if evaluator.anomalies else None


def _last_line(text: bytes) -> str:
    return (text.decode(errors="replace").strip().splitlines() or [""])[-1]
