"""Where the time of a decision goes: `python -m bench.stages` prints microseconds by stage.

The stages are the functions that `engine.decide.evaluate` and `engine.ledger.commit.decisions` take from other modules, and
the methods of the store; each is timed where it is called, in one thread, without gRPC. A timer costs 0.2 µs a call.
"""

import gc
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FunctionType
from typing import Annotated, Any
from unittest.mock import patch

import typer
from rich.console import Console
from rich.table import Table

from bench import everything
from bench.books import bodies, compiled_book, request_id, with_id
from bench.processes import BUILD
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent
from engine.api.v1 import decisions_pb2 as pb
from engine.decide import evaluate
from engine.decide.compiled import CompiledBook
from engine.ledger.commit import decisions as deciding
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.ledger.store.sqlite import SqliteStore
from engine.model.decision import Decision
from engine.wire.parse import Parser
from engine.wire.respond import respond

INNER = "  "
"""Before the name of a stage that is a part of the one above."""


METHODS = ("select", "change", "insert")
"""Of the store."""


class Watch:
    """Seconds and calls by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.add(name, start)

    def add(self, name: str, start: float) -> None:
        self.seconds[name] += time.perf_counter() - start
        self.calls[name] += 1

    def watching(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        seconds, calls, clock = self.seconds, self.calls, time.perf_counter

        def timed(*args: Any, **named: Any) -> Any:
            start = clock()
            try:
                return function(*args, **named)
            finally:
                seconds[name] += clock() - start
                calls[name] += 1

        return timed


def functions(module: Any) -> Iterator[tuple[str, FunctionType]]:
    """What the module takes from other modules of the engine."""
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and _is_taken(value, module.__name__):
            yield name, value


def _is_taken(function: FunctionType, by: str) -> bool:
    return function.__module__.startswith("engine.") and function.__module__ != by


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Times the stages within evaluating and committing, for the length of a block."""
    transaction = SqliteStore.transaction
    begin, commit = f"{INNER}store: begin", f"{INNER}store: commit (sync to disk)"

    @contextmanager
    def timed_transaction(store: SqliteStore, persons: Iterable[str] = ()) -> Iterator[None]:
        start = time.perf_counter()
        with transaction(store, persons):
            watch.add(begin, start)
            yield
            start = time.perf_counter()
        watch.add(commit, start)

    methods = [(n, f) for n, f in vars(SqliteStore).items() if n in METHODS]
    parts = [(evaluate, function) for function in functions(evaluate)]
    parts += [(deciding, function) for function in functions(deciding)]
    with ExitStack() as stack:
        for owner, (name, function) in parts:
            stack.enter_context(patch.object(owner, name, watch.watching(f"{INNER}{name}", function)))
        for name, function in methods:
            timed = watch.watching(f"{INNER}store: {name}", function)
            stack.enter_context(patch.object(SqliteStore, name, timed))
        stack.enter_context(patch.object(SqliteStore, "transaction", timed_transaction))
        yield


def measured(compiled: CompiledBook, store: SqliteStore, requests: list[bytes], size: int) -> Watch:
    """Every stage in turn, for groups of the size."""
    watch, parser = Watch(), Parser(compiled)
    gc.collect()
    with watched(watch):
        for start in range(0, len(requests), size):
            run = requests[start : start + size]
            with watch.timed("read"):
                messages = [pb.DecideRequest.FromString(body) for body in run]
            with watch.timed("parse"):
                now = time.time_ns() // 1000
                parsed = [parser.parse(message, now) for message in messages]
            with watch.timed("propose"):
                commands = [DecideCommand(evaluate.evaluate(compiled, request)) for request in parsed]
            with watch.timed("settle"):
                answers = commit_group(store, commands)
            with watch.timed("respond"):
                responses = [respond(answer) for answer in answers if isinstance(answer, Decision)]
            with watch.timed("write"):
                for response in responses:
                    response.SerializeToString()
    return watch


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Each stage's part of a decision, in groups of 64, with the book of books.py and with everything on."""
    decisions = 1_024 if quick else 8_192
    measured = []
    for name, compiled in (("", compiled_book()), (", everything on", everything.compiled_book())):
        step(f"stages: a decision{name}")
        watch = warmed(compiled, decisions, 64)
        outer = {stage: seconds for stage, seconds in watch.seconds.items() if not stage.startswith(INNER)}
        whole = sum(outer.values())
        measured += [
            Ratio(
                f"stages: {stage} / a decision{name}",
                seconds / whole,
                NO_TARGET,
                f"{seconds / decisions * 1e6:.1f} µs of {whole / decisions * 1e6:.1f} µs, groups of 64",
            )
            for stage, seconds in outer.items()
        ]
    return measured


def warmed(compiled: CompiledBook, decisions: int, group: int) -> Watch:
    """The stages of as many decisions, after as many for warming up, into a log of their own."""
    BUILD.mkdir(exist_ok=True)
    requests = [with_id(body, request_id(number)) for number, body in enumerate(bodies(decisions * 2))]
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-stages-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'log.db'}")
        measured(compiled, store, requests[:decisions], group)
        watch = measured(compiled, store, requests[decisions:], group)
        store.close()
    return watch


def table(watch: Watch, decisions: int) -> Table:
    """Microseconds a decision, outer stages in order with their parts below them."""
    stages = Table("stage", "µs a decision", "calls a decision", title="Where the time of a decision goes")
    for column in stages.columns[1:]:
        column.justify = "right"
    outer = [name for name in watch.seconds if not name.startswith(INNER)]
    parts = {"propose": dict(functions(evaluate)), "settle": dict(functions(deciding))}
    for name in outer:
        stages.add_row(f"[bold]{name}[/]", f"{watch.seconds[name] / decisions * 1e6:.1f}", "1")
        below = [part for part in watch.seconds if _belongs(part, name, parts)]
        for part in below:
            cost, calls = watch.seconds[part] / decisions * 1e6, watch.calls[part] / decisions
            stages.add_row(part, f"{cost:.1f}", f"{calls:.2f}")
        if below:
            rest = watch.seconds[name] - sum(watch.seconds[part] for part in below)
            stages.add_row(f"{INNER}the rest", f"{rest / decisions * 1e6:.1f}", "")
    total = sum(watch.seconds[name] for name in outer)
    stages.add_row("[bold]all[/]", f"[bold]{total / decisions * 1e6:.1f}[/]", "")
    return stages


def _belongs(part: str, stage: str, parts: dict[str, dict[str, Any]]) -> bool:
    name = part.strip()
    return part.startswith(INNER) and (
        name in parts.get(stage, ()) or (stage == "settle" and name.startswith("store:"))
    )


def main(
    decisions: Annotated[int, typer.Option(help="How many, after as many for warming up.")] = 8_192,
    group: Annotated[int, typer.Option(help="How many are committed together.")] = 64,
) -> None:
    """Print microseconds a decision by stage."""
    Console().print(table(warmed(compiled_book(), decisions, group), decisions))


if __name__ == "__main__":
    typer.run(main)
