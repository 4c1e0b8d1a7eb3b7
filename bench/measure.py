"""What measuring costs: how fast a log is replayed, beside the decisions alone that it makes again."""

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from statistics import median

from bench.export import export_ratios
from bench.ratio import Ratio
from bench.report import report_ratios
from bench.table import Step, silent
from demo.households import households, request_of
from demo.server import book_folder
from demo.story import MOMENTS
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.explain.books import Books
from engine.explain.replay import select_again
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.replay import LoggedState, logged_state_of
from engine.ledger.queries.decisions import decisions_after
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.replay import END, ReplayResult, replay_log
from engine.model.instant import from_datetime
from engine.model.request import Request
from engine.rulebook.load import load
from engine.wire.parse import Parser

_GROUP = 256


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """The ratios of measuring."""
    with _demo_log(200 if quick else len(households()), step) as (store, compiled, decisions):
        replay = _replay(store, compiled, decisions, rounds=2 if quick else 5, step=step)
    return [replay, *export_ratios(quick=quick, step=step), *report_ratios(quick=quick, step=step)]


@contextmanager
def _demo_log(number: int, step: Step) -> Iterator[tuple[Store, CompiledBook, int]]:
    """A log of the demo's book, with so many of its households at its three moments."""
    step("a log of the demo's households")
    book = load(book_folder()).book
    if book is None:
        raise RuntimeError("the demo's book does not load")
    compiled = compile_book(book, PythonEvaluator)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/tact.db")
        requests = list(_requests(compiled, number))
        for start in range(0, len(requests), _GROUP):
            group = requests[start : start + _GROUP]
            commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in group])
        yield store, compiled, len(requests)
        store.close()


def _requests(compiled: CompiledBook, number: int) -> Iterator[Request]:
    parser = Parser(compiled, may_simulate=lambda: True)
    for moment in MOMENTS:
        for household in households()[:number]:
            yield parser.parse(request_of(household, moment), from_datetime(moment))


def _replay(store: Store, compiled: CompiledBook, decisions: int, *, rounds: int, step: Step) -> Ratio:
    """Replaying the log against evaluating and selecting its contexts alone, in turns, in seconds of this process only."""
    step("replay")
    with store.transaction(writes=False):
        rows = decisions_after(store, "", decisions, 0, END)
    logged = [logged_state_of(row, compiled) for row in rows]
    gc.freeze()  # else it is collected over and over during the replay
    alone, replayed = [], []
    for _ in range(rounds):
        alone.append(_seconds_alone(compiled, logged))
        replayed.append(_seconds_replayed(store, decisions))
    rates = [decisions / median(seconds) for seconds in (replayed, alone)]
    detail = f"{rates[0]:,.0f}/s against {rates[1]:,.0f}/s, {decisions:,} decisions of the demo"
    return Ratio("measure: replay / evaluate and select alone", rates[0] / rates[1], 0.4, detail)


def _seconds_alone(compiled: CompiledBook, logged: Sequence[LoggedState]) -> float:
    start = time.process_time()
    for decision in logged:
        select_again(evaluate(compiled, decision.request, decision.learned), decision)
    return time.process_time() - start


def _seconds_replayed(store: Store, decisions: int) -> float:
    books = Books(store)
    start = time.process_time()
    equal = sum(replayed.result is ReplayResult.EQUAL for replayed in replay_log(store, books))
    seconds = time.process_time() - start
    if equal != decisions:
        raise RuntimeError(f"{decisions - equal} decisions are not equal when they are replayed")
    return seconds
