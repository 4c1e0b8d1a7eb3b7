"""The demo of a send to many: 200,000 members, previewed, sent to on SQLite, and measured; nothing needs a server.

What members do is invented by the same hash as they are: after a mail, or without one in a control, BASE of them order
within six days; EFFECT more of those whom the one campaign EFFECTIVE really mailed. Orders bear the member's id.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from demo.crowd import Member, write_population
from demo.households import households
from demo.server import DemoError
from engine.decide.compiled import CompiledBook, compile_book
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.model.event import Event
from engine.model.instant import DAY, from_datetime
from engine.rulebook.load import load

MOMENT = datetime.fromisoformat("2026-10-06T09:00+02:00")
RUN = "front-rows-and-shelves"
EFFECTIVE = "camera-swap"
"""The campaign whose mail makes members order more."""
BASE, EFFECT = 0.04, 0.06
_GROUP = 500
_MEMBERS = "members.parquet"
"""The first file of the demo's folder, by which it is known."""
_LATEST = timedelta(days=6)

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many members are done, and of how many."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What the demo shows."""

    members: int
    seconds: Mapping[str, float]
    """By stage."""
    preview: Mapping[str, Any]
    """As `tact presend --preview --json` prints it."""
    sent: Mapping[str, Any]
    """As `tact presend --json` prints it."""
    orders: int
    effect: Mapping[str, Any]
    """Of the effective campaign, as the report has it, beside the truth."""
    page: str
    """The report as HTML."""
    folder: str


def book_folder() -> Path:
    """The folder of the book: that of the checkout, or the installed package's copy."""
    checkout = Path(__file__).parents[1] / "rules" / "retail-email"
    return checkout if checkout.is_dir() else Path(__file__).parent / "mail"


def run_batch(folder: Path, number: int, progress: Progress) -> BatchReport:
    """Makes the members, previews, sends and measures. folder: replaced. Raises DemoError."""
    if folder.exists() and not folder.is_dir():
        raise DemoError(f"{folder} is a file: name a folder by --folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _MEMBERS).exists():
        raise DemoError(f"{folder} holds files of others, which would be deleted: name another by --folder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    book = load(book_folder()).book
    if book is None:
        raise DemoError("the book of the demo does not load")
    compiled, seconds = compile_book(book), dict[str, float]()
    people, log = folder / _MEMBERS, f"sqlite:///{folder / 'tact.db'}"

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        progress(stage, 0, number)
        start = monotonic()
        result = work()
        seconds[stage] = round(monotonic() - start, 1)
        return result

    timed("making members", lambda: write_population(people, number))
    preview = timed(
        "previewing", lambda: _preview(people, compiled, lambda done: progress("previewing", done, number))
    )
    sent = timed(
        "sending",
        lambda: _send(book_folder(), people, compiled, log, lambda done: progress("sending", done, number)),
    )
    orders = timed("reporting orders", lambda: _order(compiled, folder, sent, log))
    effect = timed("measuring", lambda: _effect(book, log, folder / "report.html"))
    compiled.close()
    return BatchReport(
        number, seconds, preview, sent, orders, effect, str(folder / "report.html"), str(folder)
    )


def _preview(people: Path, compiled: CompiledBook, advance: Callable[[int], None]) -> Mapping[str, Any]:
    from engine.batch.lanes import ColumnPlan  # noqa: PLC0415 - of the extra
    from engine.measure.population.preview import preview, preview_document  # noqa: PLC0415 - as above

    plan = ColumnPlan(from_datetime(MOMENT))
    return preview_document(compiled, plan, preview(people, compiled, plan, advance))


def _send(
    book: Path, people: Path, compiled: CompiledBook, log: str, advance: Callable[[int], None]
) -> Mapping[str, Any]:
    from engine.presend.parts import Job  # noqa: PLC0415 - as above
    from engine.presend.population import PopulationSource, fingerprint_of, staged  # noqa: PLC0415 - of the extra
    from engine.presend.processes import StopSwitch, Work, now, read_demand, send  # noqa: PLC0415 - as above
    from engine.presend.rows import SendPlan  # noqa: PLC0415 - as above
    from engine.presend.run import begin, document_of, finish, run_row  # noqa: PLC0415 - as above
    from engine.presend.shares import shared_out  # noqa: PLC0415 - as above

    plan, out = SendPlan(RUN, from_datetime(MOMENT), scarce="best"), people.parent / "run"
    out.mkdir()
    population = staged(PopulationSource(people, fingerprint_of(people), out), compiled, lambda _: None)
    with closing(open_store(log)) as store:
        begin(
            store,
            run_row(
                compiled.book.version,
                plan,
                population.people,
                population.fingerprint,
                population.part_size,
                now(),
            ),
        )
        work = Work(Job(plan, population, out), book, compiled.book.version, log)
        shared = shared_out(
            compiled, store, work.job, lambda spool: read_demand(work, compiled, 1, spool), now
        )
        send(work._replace(job=work.job._replace(plan=shared)), compiled, 1, advance, StopSwitch())
        made = finish(store, out, RUN, now())
    population.discard()
    return document_of(made)


def _order(compiled: CompiledBook, folder: Path, sent: Mapping[str, Any], log: str) -> int:
    """Reports the members' orders, as a shop does that knows of no decision; how many there are."""
    commands = [
        _ordered(compiled, member)
        for member, treated in _chosen(folder, sent)
        if member.draw("order") < BASE + EFFECT * treated
    ]
    with closing(open_store(log)) as store:
        for start in range(0, len(commands), _GROUP):
            for result in commit_group(store, commands[start : start + _GROUP]):
                if isinstance(result, LedgerError):
                    raise DemoError(f"an order could not be reported: {result}")
    return len(commands)


def _chosen(folder: Path, sent: Mapping[str, Any]) -> Iterator[tuple[Member, bool]]:
    """The members who were mailed or kept as a control, and whether the effective campaign mailed them."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - of the extra

    of_number = {household.number: household for household in households()}
    for file in sent["files"]:
        columns = ("customer", "outcome", "campaign")
        table = pq.read_table(folder / "run" / file, columns=list(columns)).to_pydict()
        for customer, outcome, campaign in zip(*(table[name] for name in columns), strict=True):
            if campaign is not None:
                _, household, number = customer.split("-")
                yield (
                    Member(of_number[int(household)], int(number)),
                    outcome == "offer" and campaign == EFFECTIVE,
                )


def _ordered(compiled: CompiledBook, member: Member) -> ReportCommand:
    at = from_datetime(MOMENT) + int(DAY // 4 + 5 * DAY * member.draw("order after"))
    value = round(10 + 80 * member.draw("basket") ** 2, 2)
    event = Event(f"order-{member.customer}", "converted", at, {"value": value, "currency": "EUR"})
    return ReportCommand(compiled, member.customer, "", event, at, order=f"order-{member.customer}")


def _effect(book: Any, log: str, page_file: Path) -> Mapping[str, Any]:
    from engine.measure.log import open_log  # noqa: PLC0415 - needs the extra `measure`
    from engine.measure.report.page import page  # noqa: PLC0415 - as above

    report = open_log(log).report(book, end=MOMENT + _LATEST)
    page_file.write_bytes(page(report))
    effect = report.figures.get(EFFECTIVE)
    if effect is None:
        raise DemoError(f"the report has no effect of {EFFECTIVE}")
    no_uplift = dict.fromkeys(("value", "low", "high"))
    uplift = no_uplift if effect.refused else {name: getattr(effect.uplift, name) for name in no_uplift}
    return {"campaign": EFFECTIVE, **uplift, "truth": EFFECT, "refused": effect.refused}
