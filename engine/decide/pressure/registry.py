"""The kinds of pressure rules, one row each: from which part of a book they are compiled, their reason and their words.

A new kind takes a row here with its module in this package; its names in model/decision.py and the contract; and, where
books write it in the section `pressure`, its policy, shape and reader in rulebook/. A reason of its own is put into words
in explain/words.py.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.decide.pressure.caps import compile_caps, compile_gaps, compile_limits
from engine.decide.pressure.pauses import compile_pauses, compile_stops
from engine.decide.pressure.quiet import compile_quiet
from engine.decide.pressure.quotas import (
    QuotaRules,
    compile_budgets,
    compile_capacities,
    compile_stocks,
    compile_totals,
)
from engine.decide.pressure.rule import CompiledRules
from engine.model.decision import ReasonCode, RuleKind
from engine.rulebook.model.book import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """One kind of rule.

    Its phrases say what a reading saw; they may name {counted}, {limit}, {window}, {outcomes} ("outcome" for a limit of
    1, else "outcomes") and {where} (" in" the time zones, or empty). Those of a budget name amounts of money, also {cost}.
    """

    kind: RuleKind
    code: ReasonCode
    """The reason of a proposal that it blocks."""
    phrase: str
    """For sentences."""
    brief: str
    """For lists."""
    unopened: str = "for more than 400 days"
    """How long it blocks if it names no next moment; empty: the phrase says it."""
    is_bounded: bool = False
    """Whether it counts no further than it needs to, and a larger count is "at least" (see LEAST_COUNTED)."""
    section: str = ""
    """The key of its policies in the section `pressure`; empty: a book writes it elsewhere."""
    compile: Callable[[Book], CompiledRules] | None = None
    """For a rule over one customer's contacts and outcomes."""
    compile_quotas: Callable[[Book], QuotaRules] | None = None
    """For a rule over the contacts of all customers together."""


_COUNTED, _COUNTED_BRIEF = "{counted:,} of {limit:,} in {window}{where}", "{counted} of {limit} in {window}"


_FOR_GOOD, _FOR_GOOD_BRIEF = "{counted:,} of {limit:,} in all", "{counted} of {limit} in all"


ROWS = (
    RuleRow(
        kind=RuleKind.QUIET,
        code=ReasonCode.QUIET,
        section="quiet",
        compile=compile_quiet,
        phrase="{window}{where}",
        brief="{window}",
    ),
    RuleRow(
        kind=RuleKind.CAP,
        is_bounded=True,
        code=ReasonCode.CAPPED,
        section="caps",
        compile=compile_caps,
        phrase=_COUNTED,
        brief=_COUNTED_BRIEF,
    ),
    RuleRow(
        kind=RuleKind.LIMIT,
        is_bounded=True,
        code=ReasonCode.CAPPED,
        compile=compile_limits,
        phrase=_COUNTED,
        brief=_COUNTED_BRIEF,
    ),
    RuleRow(
        kind=RuleKind.GAP,
        is_bounded=True,
        code=ReasonCode.TOO_SOON,
        section="gaps",
        compile=compile_gaps,
        phrase="{window} after the latest",
        brief=_COUNTED_BRIEF,
    ),
    RuleRow(
        kind=RuleKind.PAUSE,
        is_bounded=True,
        code=ReasonCode.PAUSED,
        section="pauses",
        compile=compile_pauses,
        phrase="{counted:,} of {limit} {outcomes}, a pause of {window}",
        brief="{counted} of {limit} outcomes, a pause of {window}",
    ),
    RuleRow(
        kind=RuleKind.STOP,
        is_bounded=True,
        code=ReasonCode.PAUSED,
        compile=compile_stops,
        phrase="stops {window}",
        brief="{counted} of {limit} outcomes, stops {window}",
    ),
    RuleRow(
        kind=RuleKind.STOCK,
        code=ReasonCode.OUT_OF_STOCK,
        compile_quotas=compile_stocks,
        phrase=_FOR_GOOD,
        brief=_FOR_GOOD_BRIEF,
        unopened="until one is given back",
    ),
    RuleRow(
        kind=RuleKind.TOTAL,
        code=ReasonCode.CAPPED,
        compile_quotas=compile_totals,
        phrase=_FOR_GOOD,
        brief=_FOR_GOOD_BRIEF,
        unopened="until one is given back",
    ),
    RuleRow(
        kind=RuleKind.CAPACITY,
        code=ReasonCode.OVER_CAPACITY,
        compile_quotas=compile_capacities,
        phrase=_COUNTED,
        brief=_COUNTED_BRIEF,
    ),
    RuleRow(
        kind=RuleKind.BUDGET,
        code=ReasonCode.OVER_BUDGET,
        compile_quotas=compile_budgets,
        phrase="{counted} of {limit} in {window}{where}, and a contact costs {cost}",
        brief="{counted} of {limit} in {window}, and a contact costs {cost}",
        unopened="until enough is given back",
    ),
    # withdrawals and objections are the customer's and not the book's: select.py evaluates them (consent.py)
    RuleRow(
        kind=RuleKind.CONSENT, code=ReasonCode.NO_CONSENT, phrase="{window}", brief="{window}", unopened=""
    ),
    RuleRow(
        kind=RuleKind.OBJECTION, code=ReasonCode.OBJECTED, phrase="{window}", brief="{window}", unopened=""
    ),
)
"""In the order in which a proposal's rules are evaluated and its obstacles are listed."""


ROW_OF = {row.kind: row for row in ROWS}


CODES = {row.kind: row.code for row in ROWS}
"""The reason of each kind."""


PRESSURE = frozenset(row.code for row in ROWS if row.compile or row.compile_quotas)
"""The reasons that name a rule of the book; those of a withdrawn consent and of an objection name the channel."""


SHARED = frozenset(row.kind for row in ROWS if row.compile_quotas)
"""The kinds of rules over all customers together."""
