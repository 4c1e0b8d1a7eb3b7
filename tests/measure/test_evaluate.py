"""The value of another book from the logged probabilities: right on simulated logs of a known truth, and refused elsewhere."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.commit.books import keep_books
from engine.ledger.commit.challenges import challenge_row, read_live, read_state
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.queries import challenges
from engine.ledger.store.open import open_store
from engine.measure import open_log
from engine.measure.diff import BookDiff, diff_log
from engine.measure.draws import Shown, ShownOffer
from engine.measure.evaluate import BookEvaluation, EvaluationPlan, evaluate_log
from engine.measure.evaluation_columns import EvaluationColumns
from engine.measure.report.figures import Figure
from engine.measure.rewards import Currencies, Rewarded
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, to_datetime
from engine.model.outcome import OutcomeType
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.measure.busy import BUSY, NOW, Visits
from tests.measure.statistics.test_expectations import EXPECTATIONS, open_bandit

TEA = dedent("""
    book: {name: tea, timezone: UTC, salt: s}
    attributes:
      profile.phone: {type: text}
      profile.mail: {type: text}
      profile.rich: {type: boolean}
      profile.shoe: {type: integer}
    channels:
      sms: {kind: outbound, address: profile.phone, consent: not_needed}
      mail: {kind: outbound, address: profile.mail, consent: not_needed}
    offers:
      tea: {name: Tea}
      cake: {name: Cake, value: 5, content: {default: {text: Cake}}}
    campaigns:
      tea-time:
        offer: tea
        channels: [sms]
        control: 20%
        variants:
          plain: {share: 3, content: {default: {text: Tea}}}
          warm: {share: 1, content: {default: {text: Hot tea}}}
      cake-time: {offer: cake, when: {profile.rich: true}, channels: [sms], active: {from: 2030-01-01}}
""")
RATES = {"": 0.10, "plain": 0.20, "warm": 0.40}
"""True rates of orders within the window, by variant; without a variant: of persons to whom nothing is shown."""
SWAPPED = (
    TEA.replace("share: 3", "share: 9").replace("share: 1,", "share: 3,").replace("share: 9", "share: 1")
)
TRUTHS = {
    "the same": (TEA, 0.8 * (0.75 * 0.2 + 0.25 * 0.4) + 0.2 * 0.1),
    "other shares": (SWAPPED, 0.8 * (0.25 * 0.2 + 0.75 * 0.4) + 0.2 * 0.1),
    "no control": (TEA.replace("    control: 20%\n", ""), 0.75 * 0.2 + 0.25 * 0.4),
    "silence": (
        TEA.replace(
            "channels: [sms]\n    control", "when: {profile.rich: true}\n    channels: [sms]\n    control"
        ),
        0.1,
    ),
}
PLAN = EvaluationPlan("converted", 7 * DAY)


def serve(
    compiled: CompiledBook,
    log: Log,
    persons: int,
    *,
    rates: Mapping[str, float] = RATES,
    visits: int = 1,
    reported: Callable[[Decision], bool] = lambda _: True,
    last: bool = True,
) -> None:
    """Decides persons, who order by their variant's rate a day later; the last decision lies after all windows."""
    ledger, random = Ledger(open_store(log.url)), Random(14)

    async def run() -> None:
        engine = Engine(compiled, ledger)
        await engine.keep_book(NOW)
        for visit in range(visits):
            at = NOW + visit * DAY
            for first in range(0, persons, 500):
                numbers = range(first, min(persons, first + 500))
                requests = [_request(number, at) for number in numbers]
                decisions = await engine.decide_all(requests)
                made = [decision for decision in decisions if isinstance(decision, Decision)]
                assert len(made) == len(requests), decisions
                await engine.record(
                    [
                        outcome
                        for request, decision in zip(requests, made, strict=True)
                        if random.random() < rates[decision.offers[0].variant if decision.offers else ""]
                        and reported(decision)
                        for outcome in _outcomes(request, decision)
                    ]
                )
        if last:
            await engine.decide(Request("late", NOW + 90 * DAY, {}))

    def _request(number: int, at: int) -> Request:
        shoe = {"profile.shoe": number % 1_000} if "profile.shoe" in compiled.referenced else {}
        return Request(f"p{number}", at, {"profile.phone": "+1", **shoe})

    def _outcomes(request: Request, decision: Decision) -> list[ReportCommand]:
        """An order of the person, reported without the decision, and a click of what was shown."""
        at, name = decision.at + DAY // 2, f"{request.customer}-{decision.at}"
        order = Event(f"o-{name}", OutcomeType.CONVERTED, at, {"value": 20.0, "currency": "EUR"})
        commands = [ReportCommand(compiled, request.customer, "", order, at, order=name)]
        if decision.offers:
            click = Event(f"c-{name}", OutcomeType.CLICKED, at)
            commands.append(ReportCommand(compiled, "", decision.decision_id, click, at))
        return commands

    try:
        asyncio.run(run())
    finally:
        ledger.close()


def evaluation(log: Log, compiled: CompiledBook, plan: EvaluationPlan = PLAN) -> BookEvaluation:
    """The book evaluated on the log."""
    store = open_store(log.url)
    try:
        return evaluate_log(store, log.url, compiled, plan, books=Books(store))
    finally:
        store.close()


@pytest.fixture(scope="module")
def tea(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log of 3,000 persons."""
    folder = tmp_path_factory.mktemp("tea")
    log = sqlite_log(folder)
    serve(compiled_book(folder / "book", TEA), log, 3_000)
    return log


@pytest.mark.parametrize("name", TRUTHS)
def test_the_truth_is_covered(tea: Log, tmp_path: Path, name: str) -> None:
    """Other shares of variants, no control, and silence where there was a control: the known rate is within wide limits."""
    text, truth = TRUTHS[name]
    result = evaluation(tea, compiled_book(tmp_path, text))
    assert (result.refused, result.undecidable, result.maturing) == ("", {}, 1)
    figures = result.figures
    assert figures is not None
    assert (figures.support, figures.rows, figures.persons) == (1.0, 3_000, 3_000)
    assert figures.mean_weight is not None
    assert abs(figures.mean_weight.value - 1) < 3 * figures.mean_weight.error + 1e-9
    for estimate in (figures.ips, figures.snips, figures.dr):
        assert estimate is not None
        assert abs(estimate.value - truth) < 4 * estimate.error
        assert estimate.error < 0.025
    assert result.logged is not None
    assert abs(result.logged.value - TRUTHS["the same"][1]) < 4 * result.logged.error
    if name == "the same":
        assert figures.snips is not None
        assert figures.snips.value == pytest.approx(result.logged.value)
        assert figures.ess == pytest.approx(3_000)


def test_clicks_and_values(tea: Log, tmp_path: Path) -> None:
    """Silence has no clicks; an order is worth 20, whoever orders."""
    text, truth = TRUTHS["other shares"]
    compiled = compiled_book(tmp_path, text)
    clicked = evaluation(tea, compiled, EvaluationPlan("clicked", 7 * DAY)).figures
    assert clicked is not None
    assert clicked.snips is not None
    assert abs(clicked.snips.value - (truth - 0.02)) < 4 * clicked.snips.error
    value = evaluation(tea, compiled, EvaluationPlan("value", 7 * DAY)).figures
    assert value is not None
    assert value.snips is not None
    assert abs(value.snips.value - 20 * truth) < 4 * value.snips.error


def test_the_window_ends(tea: Log, tmp_path: Path) -> None:
    """Orders come half a day later: none lies within six hours."""
    result = evaluation(tea, compiled_book(tmp_path, TEA), EvaluationPlan("converted", DAY // 4))
    assert result.logged is not None
    assert result.logged.value == 0


def challenge(log: Log, live: CompiledBook, challenger: CompiledBook) -> None:
    """Challenges every decision of `serve`, as a server with this challenger does."""
    store, rows = open_store(log.url), []
    with store.transaction():
        for decision_id, person in log.rows("SELECT decision_id, person FROM decisions"):
            shoe = {"profile.shoe": int(person[1:]) % 1_000} if person != "late" else {}
            request = Request(person, NOW, {"profile.phone": "+1", **shoe})
            decision, request = read_live(store, decision_id, live, challenger, request)
            evaluated = evaluate(challenger, request)
            rows.append(challenge_row(decision, evaluated, read_state(store, decision, evaluated)))
        keep_books(store, [(challenger.book, NOW)])
        challenges.keep(store, rows)
    store.close()


BY_SHOE = TEA.replace("    control: 20%", "    when: {profile.shoe: {lt: 500}}\n    control: 20%").replace(
    "{name: Tea}", "{name: Tea, stock: 5000}"
)


def test_what_only_the_challenger_read_is_known(tmp_path: Path) -> None:
    """The live book read no shoe size and no stock; with a challenger that did, such books have a right estimate."""
    log, live = sqlite_log(tmp_path), compiled_book(tmp_path / "old", TEA)
    serve(live, log, 2_000)
    by_shoe = compiled_book(tmp_path / "new", BY_SHOE)
    nothing = evaluation(log, by_shoe)
    assert nothing.undecidable == {"the book reads profile.shoe, which was not logged": 2_000}
    challenge(log, live, by_shoe)
    other = compiled_book(
        tmp_path / "other", BY_SHOE.replace("lt: 500", "lt: 250").replace(", stock: 5000", "")
    )
    for compiled, share in ((by_shoe, 0.5), (other, 0.25)):
        result = evaluation(log, compiled)
        assert (result.refused, result.undecidable, result.never_shown) == ("", {}, {})
        assert result.figures is not None
        assert result.figures.snips is not None
        truth = share * TRUTHS["the same"][1] + (1 - share) * 0.1
        assert abs(result.figures.snips.value - truth) < 4 * result.figures.snips.error
    report = open_log(log.url).report(live.book, as_of=to_datetime(NOW + 3_650 * DAY))
    (row,) = report.grid("challenger").rows
    assert (row["live"], row["challenger"]) == (live.book.version[:12], by_shoe.book.version[:12])
    changed = {(row["from"], row["to"]) for row in report.grid("challenger_changes").rows}
    assert ("offer: tea-time plain on sms", "nothing") in changed
    figures = [row[name] for name in ("decisions", "persons", "agreed", "agreement")]
    values = [cell.value for cell in figures if isinstance(cell, Figure)]
    assert values == [2_001, 2_001, 1_000, 1_000 / 2_001]  # half; the last has no phone, and no shoe size


def test_units_that_only_the_challenger_read_are_known(tmp_path: Path) -> None:
    """Their ids, not their values, which are sensitive; also to a further book that draws by them."""
    log, live = sqlite_log(tmp_path), compiled_book(tmp_path / "old", TEA)
    serve(live, log, 400)
    by_unit = TEA.replace("salt: s", "salt: s, lawful_basis: {health: consent form 7}")
    by_unit = by_unit.replace("shoe: {type: integer", "shoe: {type: integer, sensitive: health")
    by_unit = by_unit.replace("control: 20%", "control: 20%\n    unit: profile.shoe")
    first = compiled_book(tmp_path / "new", by_unit)
    other = compiled_book(tmp_path / "other", by_unit.replace("control: 20%", "control: 40%"))
    assert evaluation(log, other).undecidable == {
        "the book reads profile.shoe, which was not logged": 400,
    }
    challenge(log, live, first)
    for compiled in (first, other):
        result = evaluation(log, compiled)
        assert (result.undecidable, result.never_shown) == ({}, {})
        assert result.figures is not None
        assert result.figures.rows == 400


def test_diff_reads_what_only_the_challenger_read(tmp_path: Path) -> None:
    """As `tact evaluate` does: attributes and shared counters, one step and rolled on."""
    log, live = sqlite_log(tmp_path), compiled_book(tmp_path / "old", TEA)
    serve(live, log, 40)
    by_shoe = compiled_book(tmp_path / "new", BY_SHOE)
    low = BY_SHOE.replace("lt: 500", "lt: 20").replace(", stock: 5000", "")
    other = compiled_book(tmp_path / "other", low)
    stocked = compiled_book(tmp_path / "stocked", TEA.replace("{name: Tea}", "{name: Tea, stock: 5000}"))

    def compare(new: CompiledBook) -> BookDiff:
        store = open_store(log.url)
        try:
            return diff_log(store, (live, new), books=Books(store), segment="profile.shoe")
        finally:
            store.close()

    unread = "the new book reads profile.shoe, which was not logged"
    assert [compare(new).undecidable for new in (by_shoe, other)] == [{unread: 41}] * 2
    challenge(log, live, by_shoe)
    for new in (by_shoe, other):
        compared = compare(new)
        assert compared.undecidable == {}
        assert compared.one_step.changes == compared.rolled_on.changes
        changed = {shoe for shoe, counts in compared.one_step.by_segment.items() if counts[True]}
        late = compared.one_step.by_segment["missing"].total()
        assert (late, "missing" in changed) == (1, True)  # no phone: unreachable by the live book alone
        assert changed - {"missing"} == (set() if new is by_shoe else set(map(str, range(20, 40))))
    left, limit = compare(by_shoe).stock["tea/stock"][1] or (0, 0)
    assert (0 < left <= 40, limit) == (True, 5000)
    assert compare(stocked).undecidable == {
        "the new book reads the shared counter tea/stock, which was not read then": 40
    }


CAKE = TEA.replace(", active: {from: 2030-01-01}", "")
UNSUPPORTED = {
    "another campaign": (CAKE.replace("when: {profile.rich: true}, ", ""), "cake-time on sms"),
    "another variant": (TEA.replace("warm: {share: 1,", "iced: {share: 1,"), "tea-time iced on sms"),
    "other words": (TEA.replace("Hot tea", "Very hot tea"), "tea-time warm on sms with other content"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_was_never_shown_is_refused(tea: Log, tmp_path: Path, name: str) -> None:
    """No estimate: bounds in its place, and what would have to be shown to some first."""
    text, shown = UNSUPPORTED[name]
    result = evaluation(tea, compiled_book(tmp_path, text))
    figures = result.figures
    assert figures is not None
    assert result.refused.startswith("the log supports 0.0% of the decisions")
    assert (figures.ips, figures.snips, figures.dr) == (None, None, None)
    assert figures.bounds[0] == 0
    assert 0.3 < figures.bounds[1] < 0.5  # the rate of what was shown with most success
    assert result.never_shown == {shown: 3_000}


def test_a_part_without_support_widens_the_bounds(tmp_path: Path) -> None:
    """A fifth would get what nobody got: they are worth between nothing and the highest rate that was seen."""
    log = sqlite_log(tmp_path)
    held = TEA.replace("cake, when: {profile.rich: true}", "cake, when: {profile.shoe: {lt: 200}}")
    serve(compiled_book(tmp_path / "old", held), log, 1_000)
    cake = held.replace(", active: {from: 2030-01-01}", "")
    result = evaluation(log, compiled_book(tmp_path / "new", cake))
    assert result.refused.startswith("the log supports 80.0% of the decisions, less than 99 %")
    assert result.never_shown == {"cake-time on sms": 200}
    assert result.figures is not None
    low, high = result.figures.bounds
    assert low < 0.8 * 0.22 < 0.8 * 0.22 + 0.2 * 0.4 < high
    assert high - low < 0.2


def test_few_decisions_are_refused(tea: Log, tmp_path: Path) -> None:
    """Silence was shown to a fifth: of 300 decisions 60 are left."""
    log = sqlite_log(tmp_path)
    serve(compiled_book(tmp_path / "old", TEA), log, 300)
    result = evaluation(log, compiled_book(tmp_path / "new", TRUTHS["silence"][0]))
    assert result.refused.startswith("the effective sample size is ")
    assert result.figures is not None
    assert result.figures.ess < 100


def test_a_decision_with_most_of_the_weight_is_refused(tmp_path: Path) -> None:
    """A variant that the log showed once."""
    log, rare = sqlite_log(tmp_path), TEA.replace("share: 3", "share: 799").replace("    control: 20%\n", "")
    serve(compiled_book(tmp_path / "old", rare), log, 800)
    shown = log.rows("SELECT count(*) FROM decisions WHERE variant = 'warm'")
    assert shown == [(1,)]
    result = evaluation(log, compiled_book(tmp_path / "new", rare.replace("share: 799", "share: 15")))
    assert result.refused.startswith("a single decision carries ")


RAMP = "ramp: {start: 30%, full_after: 10000 conversions}"
RAMPED = TEA.replace("control: 20%", RAMP)


def test_a_ramp_supports_the_book_that_widens_it(tmp_path: Path) -> None:
    """What a part of all got tells what all would; the part is known from the log."""
    log = sqlite_log(tmp_path)
    serve(compiled_book(tmp_path / "old", RAMPED), log, 1_500)
    result = evaluation(log, compiled_book(tmp_path / "new", RAMPED.replace(f"    {RAMP}\n", "")))
    assert (result.refused, result.undecidable, result.never_shown) == ("", {}, {})
    assert result.figures is not None
    snips = result.figures.snips
    assert snips is not None
    assert abs(snips.value - 0.25) < 4 * snips.error
    narrow = evaluation(log, compiled_book(tmp_path / "narrow", RAMPED.replace("30%", "10%"))).figures
    assert narrow is not None
    assert narrow.snips is not None
    assert abs(narrow.snips.value - (0.1 * 0.25 + 0.9 * 0.1)) < 4 * narrow.snips.error


def test_a_ramp_that_made_its_own_history_is_refused(tmp_path: Path) -> None:
    """Who was in the ramp is under the cap at the next visit, and their decisions are no sample of all: the weights say so."""
    log = sqlite_log(tmp_path)
    ramp = RAMPED + "pressure: {caps: {weekly: {limit: 1, per: rolling 7d}}}\n"
    serve(compiled_book(tmp_path / "old", ramp), log, 400, visits=4)
    wide = compiled_book(tmp_path / "new", ramp.replace(f"    {RAMP}\n", ""))
    assert "more than 3 standard errors from 1" in evaluation(log, wide).refused


def test_a_silence_that_nobody_reports_is_refused(tmp_path: Path) -> None:
    """Orders that are reported of offers alone say nothing of customers to whom nothing is shown."""
    log = sqlite_log(tmp_path)
    compiled = compiled_book(tmp_path / "old", TEA)
    serve(compiled, log, 1_000, reported=lambda decision: bool(decision.offers))
    result = evaluation(log, compiled_book(tmp_path / "new", TRUTHS["silence"][0]))
    assert result.refused.startswith("where nothing was shown there are no orders, and ")
    assert evaluation(log, compiled).refused == ""  # it is as silent as the log


def test_what_was_never_logged_is_undecidable(tea: Log, tmp_path: Path) -> None:
    """A book that reads another attribute cannot make any of the decisions."""
    result = evaluation(tea, compiled_book(tmp_path, TEA.replace("profile.rich: true", "profile.shoe: 38")))
    assert result.undecidable == {"the book reads profile.shoe, which was not logged": 3_000}
    assert result.refused == "there is no decision whose window is over and that the book can make"


def test_learned_weights_are_those_of_the_log(tmp_path: Path) -> None:
    """A campaign that learns alike is drawn by the logged weights; what it would have learned otherwise is not in the log."""
    log = sqlite_log(tmp_path)
    text = TEA.replace("share: 3, ", "").replace("share: 1, ", "")
    learning = text.replace("    control: 20%", "    control: 20%\n    learn: {reward: clicked}")
    serve(compiled_book(tmp_path / "old", learning), log, 600)
    free = learning.replace("    control: 20%\n", "")
    result = evaluation(log, compiled_book(tmp_path / "free", free))
    assert (result.refused, result.undecidable) == ("", {})
    assert result.figures is not None
    assert result.figures.snips is not None
    assert abs(result.figures.snips.value - 0.3) < 4 * result.figures.snips.error
    bold = evaluation(
        log, compiled_book(tmp_path / "bold", free.replace("clicked}", "clicked, explore: 50%}"))
    )
    assert bold.undecidable == {"the book needs what tea-time had learned, which was not logged": 600}


def test_windows_that_are_not_over(tmp_path: Path) -> None:
    """With most windows open there is a day in place of an estimate."""
    log = sqlite_log(tmp_path)
    compiled = compiled_book(tmp_path / "old", TEA)
    serve(compiled, log, 20, last=False)
    result = evaluation(log, compiled)
    assert (
        result.refused
        == "the windows of 100% of the decisions are not over; half are by 2026-03-17 02:00 UTC"
    )


def test_a_busy_book_is_worth_what_the_log_holds(any_log: Log, tmp_path: Path) -> None:
    """Holdouts, layers, ramps, pages of several offers, variants that learn: of the book itself every weight is 1."""
    compiled = compiled_book(tmp_path / "book", BUSY)
    Visits(compiled, open_store(any_log.url), seed=14).run(60)
    result = evaluation(any_log, compiled, EvaluationPlan("clicked", 60))
    assert (result.undecidable, result.never_shown) == ({}, {})
    figures = result.figures
    assert figures is not None
    assert figures.rows > 150
    assert figures.mean_weight is not None
    assert figures.mean_weight.value == pytest.approx(1)
    assert figures.support == 1
    assert figures.ess == pytest.approx(figures.rows)


def test_orders_count_once_net_and_under_every_name(any_log: Log, tmp_path: Path) -> None:
    """An order twice reported, a refund, a name that was linked later, one placed before and one after the window."""
    compiled = compiled_book(tmp_path, TEA)
    serve(compiled, any_log, 4, rates=dict.fromkeys(RATES, 0.0))
    ledger = Ledger(open_store(any_log.url))

    def order(name: str, customer: str, days: float, value: float, currency: str = "EUR") -> ReportCommand:
        kind = OutcomeType.REFUNDED if value < 0 else OutcomeType.CONVERTED
        at = NOW + int(days * DAY)
        event = Event(f"{name}{value}{days}", kind, at, {"value": float(abs(value)), "currency": currency})
        return ReportCommand(compiled, customer, "", event, NOW + 80 * DAY, order=name)

    async def report(*commands: ReportCommand | LinkCommand) -> None:
        for command in commands:
            await ledger.commit(command)

    try:
        asyncio.run(
            report(
                *(order("first", "p0", 1, 30), order("first", "p0", 2, 30), order("first", "p0", 40, -10)),
                *(order("linked", "cookie", 3, 5), LinkCommand(("p1", "cookie"), NOW + 80 * DAY)),
                *(
                    order("early", "p2", -1, 7),
                    order("late", "p2", 7, 7),
                    order("dollars", "p3", 6.9, 9, "USD"),
                ),
            )
        )
    finally:
        ledger.close()

    def mean(metric: str, currency: str = "") -> float:
        result = evaluation(any_log, compiled, EvaluationPlan(metric, 7 * DAY, currency=currency))
        assert result.logged is not None
        return result.logged.value

    assert mean("converted") == pytest.approx(3 / 4)
    with pytest.raises(Currencies, match="several currencies, which are never added: EUR, USD"):
        mean("value")
    assert mean("value", "EUR") == pytest.approx((20 + 5) / 4)
    assert mean("value", "USD") == pytest.approx(9 / 4)


def test_published_figures() -> None:
    """The columns give what was computed of 10,000 rows of the Open Bandit Dataset for a policy that shows all alike."""
    columns = EvaluationColumns()
    items: list[Shown] = [(ShownOffer(str(item), "", "", "web"),) for item in range(34)]
    uniform = dict.fromkeys(items, 1 / 34)
    for index, (item, propensity, click) in enumerate(zip(*open_bandit(), strict=True)):
        rewarded = Rewarded("", str(index), float(click))
        columns.add(rewarded, items[item], {items[item]: propensity}, uniform, is_supported=True)
    figures, refused = columns.estimate("clicked", 0.95)
    assert refused == ""
    expected = {row["id"]: row["expected"] for row in EXPECTATIONS if row["id"].startswith("ope-")}
    for name, estimate in (("ope-ips", figures.ips), ("ope-snips", figures.snips)):
        assert estimate is not None
        assert [estimate.value, estimate.error, estimate.low, estimate.high] == pytest.approx(
            expected[name], abs=1e-6
        )
    assert figures.ess == pytest.approx(expected["ope-ess"][0], abs=0.01)
    # with a rate of each item DR agrees, and is no wider than IPS
    assert figures.dr is not None
    assert figures.ips is not None
    assert abs(figures.dr.value - expected["ope-ips"][0]) < 2 * figures.ips.error


def run(*arguments: object) -> tuple[int, str, str]:
    """The command's exit code and what it prints."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_command(tea: Log, tmp_path: Path) -> None:
    """People read a table, what it stands on and what is not in it, machines one object; 1 is a refusal, 2 a mistake."""
    compiled_book(tmp_path / "new", SWAPPED)
    compiled_book(tmp_path / "cake", UNSUPPORTED["another campaign"][0])
    words = (tmp_path / "new", "--log", tea.url, "--metric", "converted")
    code, printed, _ = run(*words)
    assert code == 0
    assert "converted within 7d, on 3,000 decisions of 3,000 persons; 0 undecidable" in printed
    assert "SNIPS, the headline" in printed
    assert "support 100.0%, effective size " in printed
    note = "note: one step ahead; what customers would do after more or fewer contacts is not in it\n"
    assert printed.endswith(note)
    report = json.loads(run(*words, "--json")[1])
    assert report["snips"].keys() == {"value", "low", "high", "method", "n", "persons"}
    assert report["snips"]["low"] < TRUTHS["other shares"][1] < report["snips"]["high"]
    assert report["note"] in note
    code, printed, _ = run(tmp_path / "cake", *words[1:])
    assert code == 1
    assert "no estimate: the log supports 0.0% of the decisions" in printed
    assert "cake-time on sms" in printed
    assert "give it an `explore` or a ramp" in printed
    assert printed.endswith(note)
    assert run(*words[:3], "--metric", "opened")[::2] == (
        2,
        "tact: --metric opened: it is converted, clicked or value\n",
    )
    assert run(*words, "--window", "soon")[0] == 2
    assert run(words[0], "--metric", "value", "--log", f"sqlite:///{tmp_path}/none.db")[0] == 2
    assert run(*words[:4], "value", "--currency", "USD")[0] == 0


def test_without_the_extra_it_says_what_to_install(tea: Log, tmp_path: Path) -> None:
    """Where DuckDB is not installed the command names the extra."""
    compiled_book(tmp_path, TEA)
    script = "import sys; sys.modules['duckdb'] = None; import engine.cli; engine.cli.main()"
    words = [sys.executable, "-c", script, "evaluate", str(tmp_path), "--log", tea.url, "--metric", "clicked"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "tact: duckdb is not installed: install tact[measure]\n"
