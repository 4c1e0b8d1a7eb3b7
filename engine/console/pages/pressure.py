"""Contact pressure: each rule with what it blocked, whether it ever binds, and what all customers share."""

import time
from collections.abc import Mapping
from typing import NamedTuple

from starlette.responses import Response

from engine.conditions.model import ALWAYS
from engine.conditions.trace import text_of
from engine.console.books import LiveBook
from engine.console.page import READERS, Asked, ConsolePage
from engine.console.pages.totals import blocking_rules
from engine.console.reporting import MOST_ROWS
from engine.explain.words import money_text
from engine.ledger.commit.new_counters import counts_at
from engine.ledger.queries.rollup import rollup_state
from engine.ledger.store.store import Store
from engine.model.decision import RuleKind
from engine.model.instant import Instant
from engine.rulebook.model.book import Book
from engine.rulebook.model.policies import Cap, Gap, Pause, Quiet

_MOST_COUNTERS = 200


class RuleTotals(NamedTuple):
    """A rule on a channel, and in how many decisions it was read and blocked."""

    rule: str
    kind: str
    limit: str
    applies: str
    """To whom; empty: to everybody."""
    channel: str
    read: int
    blocked: int


class SharedRow(NamedTuple):
    """What all customers share."""

    rule: str
    kind: str
    used: str
    limit: str
    share: float
    """Used, of the limit."""
    ends: Instant | None


def _pressure(asked: Asked) -> Response:
    period, now, kept = asked.days(30), time.time_ns() // 1000, asked.reports.kept
    with asked.reading() as store:
        counted = blocking_rules(store, period)
        lives = asked.shelf.live(store)
        shared = [row for live in lives for row in _shared(asked, store, live, now)]
        state = rollup_state(store)
    policies = {name: policy for live in lives if live.book for name, policy in _policies(live.book).items()}
    rows = [_row(rule, channel, policies, *numbers) for (rule, channel), numbers in counted.items()]
    rows += [
        _row(rule, "", policies, 0, 0) for rule in policies if not any(key[0] == rule for key in counted)
    ]
    rows.sort(key=lambda row: (-row.blocked, row.rule, row.channel))
    return asked.page(
        "pressure.html",
        period=period,
        rows=rows,
        shared=shared[:_MOST_COUNTERS],
        hidden=max(0, len(shared) - _MOST_COUNTERS),
        state=state,
        kept=kept,
        section=kept and kept.section("pressure"),
        most=MOST_ROWS,
    )


def _policies(book: Book) -> dict[str, Cap | Gap | Quiet | Pause]:
    rules = book.pressure
    return {**rules.caps, **rules.gaps, **rules.quiet, **rules.pauses}


def _row(
    rule: str, channel: str, policies: Mapping[str, Cap | Gap | Quiet | Pause], read: int, blocked: int
) -> RuleTotals:
    policy = policies.get(rule)
    applies = "" if policy is None or policy.when == ALWAYS else text_of(policy.when)
    return RuleTotals(rule, _kind(policy), _limit(policy), applies, channel, read, blocked)


def _kind(policy: Cap | Gap | Quiet | Pause | None) -> str:
    return "" if policy is None else type(policy).__name__.lower()


def _limit(policy: Cap | Gap | Quiet | Pause | None) -> str:
    match policy:
        case Cap():
            return str(policy.limit)
        case Gap():
            return policy.written
        case Pause():
            return policy.written[0]
    return ""


def _shared(asked: Asked, store: Store, live: LiveBook, now: Instant) -> list[SharedRow]:
    """Stocks, totals, capacities and budgets of the book, in their present period."""
    compiled = asked.shelf.compiled(store, live.version)
    if compiled is None:
        return []
    rules = compiled.pressure.shared
    counts = counts_at(store, rules, now) if rules else {}
    rows = []
    for rule in rules:
        used, is_budget = counts[rule.name], rule.kind is RuleKind.BUDGET
        shown, limit = (
            money_text(number, compiled.book.currency) if is_budget else f"{number:,}"
            for number in (used, rule.limit)
        )
        share = used / rule.limit if rule.limit else 1.0
        rows.append(SharedRow(rule.name, str(rule.kind), shown, limit, share, rule.ends(now)))
    return sorted(rows, key=lambda row: (-row.share, row.rule))


PAGES = (ConsolePage("/pressure", "pressure", _pressure, READERS, nav="Pressure"),)
