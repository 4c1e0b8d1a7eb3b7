"""What is done with a book in a child process: trying it out, previews of its texts, and what it would have done last week."""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from google.protobuf.json_format import MessageToDict

from engine.authoring.lenses import summary_of, summary_text
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import evaluate
from engine.decide.experiments.learning import Learned
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.engine import Engine
from engine.explain import Explained, explain
from engine.explain.books import Books
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries.decisions import newest_period
from engine.ledger.store.open import lay_out, open_store
from engine.model.instant import DAY, Instant, from_datetime, to_datetime
from engine.model.request import Request
from engine.releases import allow_child, bound_child, compare_releases, is_test, limit_child
from engine.rulebook.load import load_files
from engine.rulebook.model.book import AttributeType, Book
from engine.rulebook.report.diagnostics import Severity, in_short
from engine.scenario.context_file import load_context
from engine.wire.explain import respond_explained
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage, Unsupported
from engine.workbench.changes import concerned_document
from engine.workbench.documents import calendar_document, campaigns_document, texts_document

MOST_REPLAYED = 20_000
"""Decisions of the log that are made again; of more, only the newest."""


EVALUATED = 7 * DAY
"""Time after a decision in which what came of it counts, where another book is evaluated."""


_MOST_SAID = 20
"""Mistakes of a book or a customer that are shown."""


_ASKED = ("profile.", "location.", "weather.")
"""The groups of attributes that a form asks for."""


_MOST_ASKED = 60


_TEXT_TYPES = (
    AttributeType.TEXT,
    AttributeType.DATE,
    AttributeType.TIME,
    AttributeType.VERSION,
    AttributeType.IP,
)


_ONLY_SCENARIOS = ("assigned", "contacts", "objections")
"""What scenarios say of a customer and contexts do not."""


_OF_THE_CALL = ("now", "mode", "request_id", "prices")
"""What contexts say beside the customer."""


_TELL_EVERY = 0.3
"""Seconds."""


class WrongInput(Exception):
    """A book or a customer that does not load; the message has a line for each mistake."""


class OpenedFiles:
    """The files of a book, which is loaded when it is asked for, once."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    @cached_property
    def compiled(self) -> CompiledBook:
        """The book in the files. Raises WrongInput."""
        return compiled_of(self.files)


def compiled_of(files: Mapping[str, str]) -> CompiledBook:
    """The book in the files. Raises WrongInput."""
    loaded = load_files({name: text.encode() for name, text in files.items() if not is_test(name)})
    if loaded.book is None:
        raise WrongInput(_lines(loaded.diagnostics))
    return compile_book(loaded.book, PythonEvaluator)


def asked_of(compiled: CompiledBook, context: str) -> tuple[Request, Learned]:
    """The request in a context file, and the prices by which it is decided. Raises WrongInput."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "customer.yaml"
        file.write_text(context, encoding="utf-8")
        loaded = load_context(file, compiled)
        if loaded.given is None:
            raise WrongInput(_lines(loaded.diagnostics).replace(f"{file}", "customer"))
    try:
        request = Parser(compiled, may_simulate=lambda: True).parse(loaded.given.message, _now())
    except (InvalidMessage, Unsupported) as error:
        raise WrongInput(str(error)) from None
    return request, loaded.given.learned


def form(opened: OpenedFiles, _job: Mapping[str, Any]) -> dict[str, Any]:
    """What a customer can be described by: the book's attributes, and the customers of its scenarios."""
    book = opened.compiled.book
    asked = [attribute for name, attribute in book.attributes.items() if name.startswith(_ASKED)]
    return {
        "book": book.name,
        "timezone": str(book.timezone),
        "attributes": [
            {
                "name": attribute.name,
                "type": str(attribute.type),
                "one_of": sorted(map(str, attribute.one_of or ())),
            }
            for attribute in asked[:_MOST_ASKED]
        ],
        "customers": dict(_customers(opened.files)),
    }


def try_out(opened: OpenedFiles, job: Mapping[str, Any]) -> dict[str, Any]:
    """What a book decides for a customer without history, and what would change it.

    job: `context` and `given`, the values of single attributes as they were typed.
    """
    compiled = opened.compiled
    context = _with_given(compiled, job["context"], job["given"])
    request, learned = asked_of(compiled, context)
    explained = _explained(compiled, request, learned)
    document: dict[str, Any] = MessageToDict(
        respond_explained(explained, compiled.book), preserving_proto_field_name=True
    )
    outcome = explained.decision.outcome
    chosen = {(offer.campaign, offer.variant, offer.channel) for offer in explained.decision.offers}
    evaluation = evaluate(compiled, request, learned)
    return {
        "explained": document,
        "texts": texts_document(compiled, evaluation, [name for name, _, _ in sorted(chosen)], chosen),
        "customer": request.customer,
        "outcome": str(outcome),
        "now": request.now,
        "context": context,
        "scenario": _scenario(context, request.now, sorted(name for name, _, _ in chosen), str(outcome)),
    }


def _with_given(compiled: CompiledBook, context: str, given: Mapping[str, str]) -> str:
    """The context with the values that are given; as it is where none are, or where it is no mapping."""
    if not given:
        return context
    try:
        document = yaml.safe_load(context) or {}
    except yaml.YAMLError:
        return context
    if not isinstance(document, dict):
        return context
    document.setdefault("customer", "somebody")
    for name, text in given.items():
        group, _, rest = name.partition(".")
        if not rest:
            document[name] = text
        elif isinstance(values := document.setdefault(group, {}), dict):
            values[rest] = _typed(compiled, name, text)
    return _dumped(document)


def _typed(compiled: CompiledBook, name: str, text: str) -> Any:
    """The value as its type is written in YAML; what does not fit stays a text, which is then reported."""
    declared = compiled.book.attributes.get(name)
    if declared is None or declared.type in _TEXT_TYPES:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _customers(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The customers of scenarios by name, each as a context that can be tried out."""
    for name, text in sorted(files.items()):
        if not is_test(name):
            continue
        try:
            document = yaml.safe_load(text)
        except yaml.YAMLError:
            continue  # the editor shows what is wrong with it
        customers = document.get("customers") if isinstance(document, dict) else None
        for customer, described in customers.items() if isinstance(customers, dict) else ():
            if isinstance(described, dict):
                kept = {key: value for key, value in described.items() if key not in _ONLY_SCENARIOS}
                yield str(customer), _dumped({"customer": str(customer), **kept})


def _scenario(context: str, now: Instant, campaigns: list[str], outcome: str) -> dict[str, str]:
    """A file of one scenario that expects what came out."""
    document = yaml.safe_load(context)
    customer = {key: value for key, value in document.items() if key not in _OF_THE_CALL}
    at = to_datetime(now).isoformat(timespec="minutes")
    title = f"{customer.get('customer')} at {at}"
    expect = {"campaign": campaigns[0]} if campaigns else {"outcome": outcome}
    prices = {"prices": document["prices"]} if document.get("prices") else {}
    test = {"name": title, "now": at, "customer": customer, **prices, "expect": expect}
    digest = sha256(context.encode()).hexdigest()[:8]
    return {"file": f"tests/tried-{digest}.yaml", "text": _dumped({"tests": [test]})}


def _dumped(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)


def texts(opened: OpenedFiles, job: Mapping[str, Any]) -> dict[str, Any]:
    """Every text of a campaign by channel, variant and language, for a customer. job: `context`, `given`, `campaign`."""
    compiled = opened.compiled
    if job["campaign"] not in compiled.book.campaigns:
        raise WrongInput(f"the book has no campaign {job['campaign'][:60]!r}")
    evaluation = evaluate(compiled, *asked_of(compiled, _with_given(compiled, job["context"], job["given"])))
    return {"texts": texts_document(compiled, evaluation, [job["campaign"]], frozenset())}


def campaigns(opened: OpenedFiles, job: Mapping[str, Any]) -> dict[str, Any]:
    """The campaigns of a book with their languages, and on which days each runs. job: `first` (a day) and `days`."""
    compiled, first = opened.compiled, date.fromisoformat(job["first"])
    return {
        "book": compiled.book.name,
        "first": first.isoformat(),
        **campaigns_document(compiled),
        "calendar": calendar_document(compiled, first, job["days"]),
    }


def reach(opened: OpenedFiles, job: Mapping[str, Any]) -> dict[str, Any]:
    """What the language server shows above campaigns, as the text of its file.

    job: of a log `days`, `persons` and `reached`, the persons by campaign.
    """
    files = {name: text.encode() for name, text in opened.files.items()}
    scenarios = {name: content for name, content in files.items() if is_test(name)}
    book = {name: content for name, content in files.items() if name not in scenarios}
    counted = {"days": job["days"], "persons": job["persons"], "reached": job["reached"]}
    return {"text": summary_text(summary_of(book, scenarios, **counted))}


def compare(_opened: OpenedFiles, job: Mapping[str, Any]) -> dict[str, Any]:
    """What differs between two books, and whom that concerns. job: `old` and `new`, the files of both."""
    compared = compare_releases(job["old"], job["new"])
    changed = [(name.section, name.name) for name in compared.names]
    return {
        **asdict(compared),
        **concerned_document(_book_of(job["old"]), _book_of(job["new"]), changed),
    }


def _book_of(files: Mapping[str, str]) -> Book | None:
    """The book in the files; None where this program does not load it."""
    return load_files({name: text.encode() for name, text in files.items() if not is_test(name)}).book


def replay(job: Mapping[str, Any], tell: Callable[..., None]) -> dict[str, Any]:
    """What the log's decisions of the last days would have been by another book. job: `old`, `new`, `log`, `days` (0: all)."""
    from engine.measure.diff import diff_document, diff_log  # noqa: PLC0415 - other jobs do without, and start sooner

    pair = compiled_of(job["old"]), compiled_of(job["new"])
    store = open_store(job["log"])
    try:
        until = _now()
        since = until - job["days"] * DAY if job["days"] else 0
        with store.transaction(writes=False):
            total, from_ = newest_period(store, since, until, MOST_REPLAYED)
        progress = _Progress(total, tell)
        compared = diff_log(store, pair, books=Books(store), period=(from_, until), advance=progress.advance)
    finally:
        store.close()
    document = diff_document(compared, (pair[0].book.version, pair[1].book.version))
    return {**document, "since": from_, "until": until, "cut": from_ > since}


def evaluation(job: Mapping[str, Any], tell: Callable[..., None]) -> dict[str, Any]:
    """What a decision would have brought by a book, off-policy, from decisions whose week after them is over.

    job: `new`, `log`, `days` (0: all) and `metric`.
    """
    from engine.measure.evaluate import (  # noqa: PLC0415 - other jobs do without, and start sooner
        EvaluationPlan,
        evaluate_log,
        evaluation_document,
    )

    compiled = compiled_of(job["new"])
    store = open_store(job["log"])
    try:
        until = _now() - EVALUATED
        since = until - job["days"] * DAY if job["days"] else 0
        with store.transaction(writes=False):
            total, from_ = newest_period(store, since, until, MOST_REPLAYED)
        plan = EvaluationPlan(job["metric"], EVALUATED, (from_, until))
        progress = _Progress(total, tell)
        evaluated = evaluate_log(
            store, job["log"], compiled, plan, books=Books(store), advance=progress.advance
        )
    finally:
        store.close()
    document = evaluation_document(evaluated, compiled.book.version, plan)
    return {**document, "since": from_, "until": until, "cut": from_ > since}


class _Progress:
    """Tells how far it is, not at every step."""

    def __init__(self, total: int, tell: Callable[..., None]) -> None:
        self._total, self._tell, self._done, self._at = total, tell, 0, 0.0
        tell(done=0, total=total)

    def advance(self) -> None:
        """One step is done."""
        self._done += 1
        if time.monotonic() - self._at > _TELL_EVERY:
            self._at = time.monotonic()
            self._tell(done=self._done, total=self._total)


def _explained(compiled: CompiledBook, request: Request, learned: Learned) -> Explained:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "tact.db"
        lay_out(log)
        ledger = Ledger(open_store(f"sqlite:///{log}"))
        try:
            return asyncio.run(
                explain(Engine(compiled, ledger, learned=learned), request, counterfactuals=True)
            )
        finally:
            ledger.close()


def _lines(diagnostics: Any) -> str:
    wrong = [in_short(remark) for remark in diagnostics if remark.severity is Severity.ERROR]
    more = [f"and {len(wrong) - _MOST_SAID} more"] if len(wrong) > _MOST_SAID else []
    return "\n".join([*wrong[:_MOST_SAID], *more])


def _now() -> Instant:
    return from_datetime(datetime.now(UTC))


_KINDS: Mapping[str, Callable[[OpenedFiles, Mapping[str, Any]], dict[str, Any]]] = {
    "compare": compare,
    "form": form,
    "try_out": try_out,
    "texts": texts,
    "campaigns": campaigns,
    "reach": reach,
}


_WATCHED: Mapping[str, Callable[[Mapping[str, Any], Callable[..., None]], dict[str, Any]]] = {
    "replay": replay,
    "evaluation": evaluation,
}
"""Those that tell how far they are."""


def speak(seconds: float) -> None:
    """Entry point of the language server of an editor, over standard input and output; seconds: of processor time."""
    from engine.lsp.server import serve  # noqa: PLC0415 - jobs do without

    limit_child(seconds)
    serve(version("tact"))


def child() -> None:
    """Entry point of the child: reads jobs from standard input, one a line, and writes lines of JSON.

    The last line of a job is its `result` or `error`. A job has `files` where its book is another than the one before.
    """
    bound_child()
    opened = OpenedFiles({})

    def tell(**said: Any) -> None:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    for line in sys.stdin:
        asked = json.loads(line)
        allow_child(asked["seconds"])
        if "files" in asked:
            opened = OpenedFiles(asked["files"])
        kind, job = asked["kind"], asked["job"]
        try:
            result = _WATCHED[kind](job, tell) if kind in _WATCHED else _KINDS[kind](opened, job)
        except (WrongInput, LedgerError) as error:
            tell(error=str(error))
        else:
            tell(result=result)
