"""What the pages of the console take on a log of a million decisions: each over HTTP, as a browser opens it.

The log is that of the demo's book: the engine decides for some households, SQL copies what it wrote, and the console's totals
are counted from it. A real server stands behind the console, which is a process of its own.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx

from bench.fill import fill
from bench.processes import BUILD, CannotMeasure, running, server
from bench.ratio import Ratio
from bench.table import Step, silent
from demo.households import households, request_of
from demo.server import book_folder
from demo.story import MOMENTS
from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import RulebooksClient
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.measure.rollup import roll_up
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import from_datetime
from engine.releases import file_messages, release_files
from engine.rulebook.load import load
from engine.wire.parse import Parser

LOADS = 10
"""Of each page; the first one counts. A page that says that it is still being made is opened again until it is whole."""
TARGET = 0.5
"""Seconds."""
_HOUSEHOLDS = 400
_GROUP = 200
_PATIENCE = 120.0
"""Seconds that a page is waited for."""
_CUSTOMER = "customer: somebody\nprofile: {}\n"
_GATHERED = re.compile(r'data-poll="(/person/gathered/[^"]+)"')
"""Where what is held of a person comes, on a page that has to wait for it."""


_PAUSE = 0.1
"""Seconds until such a page is opened again."""


_CODE = re.compile(r'name="code" value="([^"]+)"')


class Opened(NamedTuple):
    """A page that is opened, or a form that is sent."""

    title: str
    path: str
    form: dict[str, str] | None = None


class Loaded(NamedTuple):
    """What the answers of a page took, in seconds, and the console's own processor time of a load."""

    seconds: list[float]
    whole: float
    """Seconds until the page was whole, of the load that took longest."""
    processor: float


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """For each page how many times its slowest load goes into the target."""
    rows = 50_000 if quick else 1_000_000
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-console-") as name:
        log = Path(name) / "tact.db"
        step(f"console: a log of {rows:,} decisions")
        _fill(log, rows)
        step("console: its totals")
        counted = _count(log)
        step(f"console: {rows / counted:,.0f} decisions a second were counted")
        words = ("-m", "engine.cli", "serve", "--rules", str(book_folder()), "--log", f"sqlite:///{log}")
        with server(Path(name) / "server.err", *words, "--port", "0") as target:
            version, other = _publish(target)
            with _console(log, target) as (browser, process):
                pages = _pages(browser, version, other)
                return [_measured(browser, process, page, step) for page in pages]


def _fill(log: Path, rows: int) -> None:
    """Has the engine decide for some households and report of them, then copies that."""
    book = load(book_folder()).book
    if book is None:
        raise CannotMeasure("the demo's book does not load")
    compiled = compile_book(book, PythonEvaluator)
    store, parser = open_store(f"sqlite:///{log}"), Parser(compiled, may_simulate=lambda: True)
    commit_group(store, [KeepBookCommand(book, from_datetime(MOMENTS[0]))])
    for moment in MOMENTS:
        for start in range(0, _HOUSEHOLDS, _GROUP):
            requests = [
                parser.parse(request_of(household, moment), from_datetime(moment))
                for household in households()[start : start + _GROUP]
            ]
            decisions = commit_group(
                store, [DecideCommand(evaluate(compiled, request)) for request in requests]
            )
            commit_group(
                store, [*_reports(compiled, [made for made in decisions if isinstance(made, Decision)])]
            )
    store.close()
    fill(log, rows, time.time_ns() // 1000, reported=True)


def _reports(compiled: CompiledBook, decisions: list[Decision]) -> Iterator[ReportCommand]:
    """Every message arrives, every fourth is clicked, every twentieth leads to an order."""
    for number, decision in enumerate(decisions):
        for type_, minutes, every in (("delivered", 1, 1), ("clicked", 61, 4), ("converted", 300, 20)):
            if decision.offers and number % every == 0:
                at = decision.at + minutes * 60_000_000
                fields = {"value": 40 + number % 160, "currency": "CNY"} if type_ == "converted" else {}
                event = Event(f"{type_}-{decision.decision_id}", type_, at, fields)
                yield ReportCommand(compiled, "", decision.decision_id, event, at)


def _count(log: Path) -> float:
    """Seconds that counting the totals took."""
    store, began = open_store(f"sqlite:///{log}"), time.perf_counter()
    try:
        roll_up(store, longest=3600.0)
    finally:
        store.close()
    return time.perf_counter() - began


def _publish(target: str) -> tuple[str, str]:
    """Publishes and activates the book, and publishes a changed one and a draft of it; the versions."""
    book = load(book_folder()).book
    if book is None:
        raise CannotMeasure("the demo's book does not load")
    files = {name: content.decode() for name, content in release_files(book_folder(), book).items()}
    more = "attributes:\n  profile.shoe_size: {type: integer}\n"
    changed = {**files, "book.yaml": files["book.yaml"].replace("attributes:\n", more, 1)}
    with RulebooksClient(target, timeout=_PATIENCE) as client:
        first = client.publish(pb.PublishRequest(files=file_messages(files))).release
        client.activate(pb.ActivateRequest(name=first.name, version=first.version))
        second = client.publish(pb.PublishRequest(files=file_messages(changed))).release
        client.save_draft(pb.SaveDraftRequest(name="bench", base=first.version, files=file_messages(changed)))
    return first.version, second.version


@contextmanager
def _console(log: Path, target: str) -> Iterator[tuple[httpx.Client, int]]:
    """A console, somebody who is logged in to it, and its process."""
    words = ("-m", "engine.cli", "console", "--log", f"sqlite:///{log}", "--server", target, "--port", "0")
    with (
        log.with_suffix(".err").open("w") as messages,
        running(*words, stderr=messages) as process,
    ):
        lines = [process.stdout.readline().split() for _ in range(2)] if process.stdout else []
        if not all(lines):
            raise CannotMeasure(log.with_suffix(".err").read_text())
        address, once = (line[-1] for line in lines)
        with httpx.Client(base_url=address, timeout=_PATIENCE, headers={"origin": address}) as browser:
            (code,) = _CODE.findall(browser.get(once).text)
            browser.post("/login", data={"code": code})
            yield browser, process.pid


def _pages(browser: httpx.Client, version: str, other: str) -> list[Opened]:
    """Every page that the navigation leads to and every one of a kind that it leads to in turn."""
    decisions = _text(browser, "/decisions")
    decision = re.findall(r'href="/decisions/([0-9a-f-]{36})"', decisions)[0]
    (before,) = set(re.findall(r"before=([0-9a-f-]{36})", decisions))
    campaign = re.findall(r'href="/campaigns/([^"?]+)', _text(browser, "/campaigns"))[0]
    past = f"{datetime.now() - timedelta(days=50):%Y-%m-%d}"  # noqa: DTZ005 a day of the log
    customer = "customer-00000007"
    deciding = {"context": _CUSTOMER}
    of = f"/of/version/{version}"
    return [
        Opened("Overview", "/"),
        Opened("Overview, 400 days", "/?days=400"),
        Opened("Books", "/books"),
        Opened("Book", "/books/cosmetics-cn"),
        Opened("Version, compared", f"/versions/{other}"),
        Opened("Draft", "/drafts/bench"),
        Opened("Try-out, its form", f"{of}/try-out"),
        Opened("Try-out, of the draft", "/of/draft/bench/try-out"),
        Opened("Try-out, decided", f"{of}/try-out", deciding),
        Opened("Calendar and languages", f"{of}/campaigns"),
        Opened("Texts of a campaign", f"{of}/campaigns/{campaign}"),
        Opened("Texts for a customer", f"{of}/campaigns/{campaign}", deciding),
        Opened("Campaigns", "/campaigns"),
        Opened("Campaigns, 400 days", "/campaigns?days=400"),
        Opened("Campaign", f"/campaigns/{campaign}?days=400"),
        Opened("Decisions", "/decisions"),
        Opened("Decisions, the next page", f"/decisions?before={before}"),
        Opened("Decisions of a day", f"/decisions?from={past}&to={past}"),
        Opened("Decisions of a person", f"/decisions?person={customer}"),
        Opened("Decisions, none that fits", "/decisions?campaign=nothing"),
        Opened("Decision, explained", f"/decisions/{decision}"),
        Opened("Pressure", "/pressure"),
        Opened("Pressure, 400 days", "/pressure?days=400"),
        Opened("Experiments", "/experiments?days=400"),
        Opened("Report", "/report"),
        Opened("Person", "/person"),
        Opened("Person, what is held", "/person", {"customer": customer}),
        Opened("Operations", "/operations"),
        Opened("Audit", "/audit"),
    ]


def _measured(browser: httpx.Client, process: int, page: Opened, step: Step) -> Ratio:
    loaded = _load(browser, process, page)
    median, slowest = statistics.median(loaded.seconds), max(loaded.seconds)
    took = (
        f"median {1e3 * median:,.0f} ms, slowest {1e3 * slowest:,.0f} ms, whole after {1e3 * loaded.whole:,.0f} ms, "
        f"{1e3 * loaded.processor:,.0f} ms of the console's processor time"
    )
    step(f"console: {page.title}: {took}")
    return Ratio(
        f"console: {TARGET} s / the slowest of {LOADS} loads: {page.title}", TARGET / slowest, 1.0, took
    )


def _load(browser: httpx.Client, process: int, page: Opened) -> Loaded:
    """Opens the page again and again. Raises CannotMeasure where it is none."""
    seconds: list[float] = []
    whole, used = 0.0, _processor(process)
    for _ in range(LOADS):
        began, is_whole, path, form = time.perf_counter(), False, page.path, page.form
        while not is_whole:
            asked = time.perf_counter()
            answer = _answer(browser, path, form)
            seconds.append(time.perf_counter() - asked)
            is_whole = "refresh" not in answer.headers and "data-poll=" not in answer.text
            if gathered := _GATHERED.search(answer.text):
                path, form = gathered.group(1), None
            time.sleep(0 if is_whole else _PAUSE)
        whole = max(whole, time.perf_counter() - began)
    return Loaded(seconds, whole, (_processor(process) - used) / LOADS)


def _text(browser: httpx.Client, path: str) -> str:
    """What the page says. Raises CannotMeasure where it is refused."""
    return _answer(browser, path).text


def _answer(browser: httpx.Client, path: str, form: dict[str, str] | None = None) -> httpx.Response:
    answer = browser.get(path) if form is None else browser.post(path, data=form)
    if answer.status_code != 200:
        raise CannotMeasure(f"{path}: {answer.status_code} {json.dumps(answer.text[-1000:])}")
    return answer


def _processor(process: int) -> float:
    """Seconds of processor time that the process used, its ended children included."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
