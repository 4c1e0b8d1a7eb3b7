"""Prints the demo's report: tables and bars, plain text if the output is not a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.measured import EffectFound
from demo.story import CAP, SERVICE, DemoReport, Shown
from demo.tally import CityTally, Tally

_BAR = 24


_CREAMS = ("rich-cream", "daily-cream", "light-cream")


def show(report: DemoReport, console: Console) -> None:
    """Print the whole report."""
    first, last = report.rounds[0], report.rounds[-1]
    console.rule("One March day")
    _show_answers(report.march_day, console)
    console.rule(f"{report.households:,} households, {_day(first)}")
    console.print(_who_got_what(first))
    console.print(_by_city(first.cities))
    console.rule("The same households again")
    console.print(_rounds(report.rounds))
    console.print(_bars(f"Held back, {_day(last)}, by rule", last.blocked_by))
    _show_held(report, console)
    console.rule("The website's homepage-hero")
    _show_answers(report.website, console)
    console.rule(f"Why: {report.explained}")
    console.print("\n".join(report.explanation), markup=False, highlight=False)
    console.rule("The decision log")
    _show_log(report, console)
    console.rule("What it caused")
    _show_measured(report, console)


def _day(tally: Tally) -> str:
    return tally.now.replace("T", " ")[:16]


def _show_answers(answers: Iterable[Shown], console: Console) -> None:
    for answer in answers:
        where = f" ({answer.where})" if answer.where else ""
        console.print(f"[bold]{escape(answer.customer)}[/bold]{where}: {escape(_gets(answer))}")
        for name in ("title", "title_en"):
            if name in answer.content:
                console.print(f"    {escape(answer.content[name])}", highlight=False)


def _gets(answer: Shown) -> str:
    if not answer.offer:
        return answer.outcome
    form = f", {answer.variant}" if answer.variant else ""
    return f"{answer.outcome} {answer.offer}{form}, by {answer.channel}"


def _who_got_what(tally: Tally) -> Table:
    table = Table("offer", "variant", "channel", "customers", "", title="Who got what", title_justify="left")
    most = max((got.customers for got in tally.got), default=1)
    for got in tally.got:
        table.add_row(got.offer, got.variant, got.channel, f"{got.customers:,}", _bar(got.customers, most))
    for outcome, customers in tally.outcomes.items():
        if outcome != "offer":
            table.add_row(f"({outcome})", "", "", f"{customers:,}", _bar(customers, most))
    return table


def _by_city(cities: Sequence[CityTally]) -> Table:
    """A column with bars for each cream, the cities from north to south."""
    most = max(max(city.offers.values(), default=1) for city in cities)
    table = Table(
        "city", "°C", "%", *_CREAMS, "others", title="By city, north to south", title_justify="left"
    )
    for city in cities:
        creams = [city.offers.get(cream, 0) for cream in _CREAMS]
        cells = [f"{_bar(n, most, 8)} {n}" if n else "" for n in creams]
        others = sum(city.offers.values()) - sum(creams)
        table.add_row(city.city, f"{city.temperature_c:g}", f"{city.humidity_pct:g}", *cells, str(others))
    return table


def _rounds(rounds: Sequence[Tally]) -> Table:
    table = Table("when", "offer", "of these service", "control", "blocked", f"by {CAP}", "decisions/s")
    for tally in rounds:
        counts = (
            tally.outcomes.get("offer", 0),
            sum(got.customers for got in tally.got if got.offer == SERVICE),
            tally.outcomes.get("control", 0),
            tally.outcomes.get("blocked", 0),
            tally.blocked_by.get(CAP, 0),
            tally.decided / max(tally.seconds, 1e-6),
        )
        table.add_row(_day(tally), *(f"{count:,.0f}" for count in counts))
    return table


def _bars(title: str, counts: Mapping[str, int]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.title, table.title_justify = title, "left"
    most = max(counts.values(), default=1)
    for name, count in counts.items():
        table.add_row(name, f"{count:,}", _bar(count, most))
    return table


def _bar(count: int, most: int, width: int = _BAR) -> str:
    return "█" * max(1, round(width * min(count, most) / most)) if count else ""


def _show_held(report: DemoReport, console: Console) -> None:
    if report.held:
        held = report.held
        console.print(
            f"{held.customer}: held back by {', '.join(held.blocked_by)}, may go at {held.next_allowed_at}"
        )


def _show_log(report: DemoReport, console: Console) -> None:
    log = report.logged
    console.print(_bars("Logged decisions by outcome", log.outcomes))
    console.print(
        f"acknowledged {report.acknowledged:,} = logged {log.decisions:,}; the server ended with exit code 0"
    )
    console.print(
        f"most messages to one customer in any 7 days, up to a commercial one: {log.most_in_a_week}"
    )
    query = "select outcome, count(*) from decisions group by 1"
    console.print(
        f'\nThe log is {log.file}. Look into it, for example:\n  sqlite3 {log.file} "{query}"', soft_wrap=True
    )
    command = (
        f"import sqlite3; log = sqlite3.connect('{log.file}');"
        f" print(log.execute('{query}').fetchall()); log.close()"
    )
    console.print(f'  python -c "{command}"', markup=False, soft_wrap=True)


def _show_measured(report: DemoReport, console: Console) -> None:
    counts = ", ".join(f"{number:,} {kind}" for kind, number in report.reported.items())
    console.print(f"reported, by a model whose effect is known: {counts}", soft_wrap=True)
    measured = report.measured
    if measured.effect is None:
        console.print(f"no report: {measured.missing} is not installed; pip install 'tact\\[measure]'")
    else:
        _show_effect(measured.effect, console)
    replayed = " and ".join(f"{number:,} {kind}" for kind, number in measured.replayed.items())
    console.print(f"every decision made again from the log: {replayed}")
    console.print(f"book version {report.book_version[:12]}, {report.seconds:.1f} s in all")


def _show_effect(effect: EffectFound, console: Console) -> None:
    table = Table(effect.campaign, "persons", "ordered", "share", "")
    arms = {"written to": effect.treated, "control": effect.control}
    most = max(arm.rate for arm in arms.values())
    for name, arm in arms.items():
        bar = "█" * round(_BAR * arm.rate / most)
        table.add_row(name, f"{arm.persons:,}", f"{arm.ordered:,}", f"{100 * arm.rate:.1f} %", bar)
    console.print(table)
    limits = f"[{100 * effect.low:.1f}, {100 * effect.high:.1f}]"
    inside = "within" if effect.low <= effect.truth <= effect.high else "outside of"
    truth = f"the truth, {100 * effect.truth:+.1f}, is {inside} the limits"
    console.print(f"effect: {100 * effect.value:+.1f} {limits} percentage points; {truth}", markup=False)
    console.print(f"the whole report is {effect.page}: open it in a browser", soft_wrap=True, markup=False)
