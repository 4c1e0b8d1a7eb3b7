"""Scenarios that state in which experiment groups their customer is."""

from collections.abc import Sequence

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.rulebook.load import load_files
from engine.rulebook.report.diagnostics import render
from engine.scenario.assigned import with_positions
from engine.scenario.model import Decide, Result
from engine.scenario.play import play
from engine.scenario.read import load_scenario_files

BOOK = """
book: {name: fair, timezone: Europe/Paris, salt: "2026"}
attributes:
  profile.phone: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  cream: {name: Cream, value: 12, content: {default: {text: A cream for you}}}
  soap:  {name: Soap, value: 3, content: {default: {text: A soap for you}}}
  comb:  {name: Comb, value: 1, content: {default: {text: A comb for you}}}
holdouts:
  universal: {share: 5%, salt: {2026-01-01: h1, 2026-07-01: h2}, except: {category: service}}
layers:
  prices: {slots: {full: 10-50%, reduced: 50-100%}}
campaigns:
  cream: {offer: cream, channels: [sms], control: 10%, slot: prices/full}
  soap:  {offer: soap, channels: [sms], control: {share: 20%}, ramp: {from: 2026-03-01, start: 2%, full: 2026-03-15}}
  comb:  {offer: comb, channels: [sms]}
"""
IDS = [f"customer-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def compiled() -> CompiledBook:
    """A book with an experiment of each kind."""
    loaded = load_files({"book.yaml": BOOK.encode()})
    assert loaded.book is not None, render(loaded.diagnostics)
    return compile_book(loaded.book)


def scenario(customer: str, assigned: str, expect: str) -> str:
    """The lines of a test whose name is its customer's."""
    return f"""\
  - name: {customer}
    now: 2026-03-10T12:00
    customer: {{customer: {customer}, profile: {{phone: "1"}}, consents: [sms]}}
    assigned: {assigned}
    expect: {expect}
"""


def played(tests: str, compiled: CompiledBook) -> Sequence[Result]:
    """The results of the tests."""
    read = load_scenario_files({"t.yaml": f"tests:\n{tests}".encode()}, compiled)
    assert not read.diagnostics, render(read.diagnostics)
    return play(compiled, read.scenarios)


STATED = [
    ("{cream: treated, holdouts: out, layers: {prices: full}}", "{outcome: offer, campaign: cream}"),
    (
        "{cream: control, holdouts: out, layers: {prices: full}}",
        "{outcome: control, reasons: control cream}",
    ),
    (
        "{cream: control, holdouts: {universal: in}, layers: {prices: full}}",
        "{outcome: control, reasons: held_out universal}",
    ),
    (
        "{soap: treated, holdouts: out, layers: {prices: reduced}, ramps: {soap: 60%}}",
        "{outcome: offer, campaign: soap, reasons: other_slot prices}",
    ),
    (
        "{soap: treated, holdouts: out, layers: {prices: none}, ramps: {soap: 70%}}",
        "{outcome: offer, campaign: comb, reasons: [other_slot prices, ramping soap]}",
    ),
]
"""On the tenth of March the ramp has reached about 65 %."""


@pytest.mark.parametrize(("assigned", "expect"), STATED)
def test_a_stated_assignment_holds_for_every_customer(
    assigned: str, expect: str, compiled: CompiledBook
) -> None:
    """Whatever the hash of the id says, which says both among forty."""
    unmet = [
        result
        for result in played("".join(scenario(name, assigned, expect) for name in IDS), compiled)
        if not result.ok
    ]
    assert unmet == []
    by_hash = played("".join(scenario(name, "{soap: treated}", expect) for name in IDS), compiled)
    assert not all(result.ok for result in by_hash)


STORY = """
  - name: others in one story
    customer: {customer: ada, profile: {phone: "1"}, consents: [sms], assigned: {cream: control, layers: {prices: full}}}
    assigned: {holdouts: {universal: out}}
    story:
      - {at: 2026-03-10T12:00, decide: {}, expect: {outcome: control}}
      - {at: 2026-03-10T12:01, as: ben, assigned: {cream: treated}, decide: {}, expect: {campaign: cream}}
      - {at: 2026-07-10T12:00, as: cem, assigned: {holdouts: {universal: in}}, decide: {}, expect: {reasons: held_out}}
"""


def test_a_test_states_more_than_its_customer_and_a_step_more_than_its_test(compiled: CompiledBook) -> None:
    """What a step does not say holds as its test says, what the test does not say as its customer says."""
    (result,) = played(STORY, compiled)
    assert result.ok, result.differences


def test_probabilities_are_those_of_the_book(compiled: CompiledBook) -> None:
    """The policy is randomised as ever; only this customer's draw is stated."""
    read = load_scenario_files(
        {"t.yaml": ("tests:\n" + scenario("ada", STATED[0][0], "{score: 0}")).encode()}, compiled
    )
    (result,) = play(compiled, read.scenarios)
    (step,) = read.scenarios[0].steps
    assert isinstance(step.act, Decide)
    assert result.differences[0].got == "12"
    fixed = with_positions(compiled, step.act.positions)
    (cream,) = [campaign for campaign in fixed.compiled_campaigns if campaign.campaign.name == "cream"]
    assert cream.campaign_channels["sms"].treated == pytest.approx(0.95 * 0.9)
    assert [sample.stated for sample in cream.campaign_channels["sms"].withholding] == [0.525, 0.55]
    assert [sample.stated for sample in cream.gates] == [0.3]


TRIED = """
book: {name: tried, timezone: Europe/Paris}
attributes:
  profile.phone: {type: text}
channels:
  sms: {kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}
offers:
  cream: {name: Cream, content: {default: {text: A cream for you}}}
campaigns:
  cream: {offer: cream, channels: [sms]}
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d, trial: 30%}}
"""


def twice(customer: str, assigned: str, expect: str) -> str:
    """A story of two decisions."""
    return f"""
  - name: {customer}
    customer: {{customer: {customer}, profile: {{phone: "1"}}, consents: [sms]}}
    story:
      - {{at: 2026-03-10T12:00, decide: {{}}, expect: {{outcome: offer}}}}
      - {{at: 2026-03-11T12:00, decide: {{}}, assigned: {assigned}, expect: {expect}}}
"""


def test_the_trial_of_a_rule_is_stated() -> None:
    """Whoever is stated to be in it gets a second contact, nobody else; a failure by the hash says how to state it."""
    loaded = load_files({"book.yaml": TRIED.encode()})
    assert loaded.book is not None, render(loaded.diagnostics)
    book = compile_book(loaded.book)
    for assigned, expect in (
        ("{trials: {weekly: in}}", "{outcome: offer, campaign: cream}"),
        ("{trials: {weekly: out}}", "{outcome: blocked, reasons: capped weekly}"),
    ):
        results = played("".join(twice(name, assigned, expect) for name in IDS), book)
        assert [result.differences for result in results if not result.ok] == []
    by_hash = played("".join(twice(name, "{}", "{outcome: blocked}") for name in IDS), book)
    failed = [result for result in by_hash if not result.ok]
    assert 0 < len(failed) < len(IDS)
    lines = [line for result in failed for line in result.differences[0].why]
    assert any("is in the trial of weekly, by the hash of the id" in line for line in lines)
    assert any("trials: {weekly: out}" in line for line in lines)
    read = load_scenario_files(
        {"t.yaml": ("tests:\n" + scenario("ada", "{trials: {weakly: in}}", "{outcome: offer}")).encode()},
        book,
    )
    message = "the book has no rule with a trial 'weakly'"
    assert [(entry.message, entry.hint) for entry in read.diagnostics] == [
        (message, "did you mean 'weekly'?")
    ]


MISTAKES = [
    ("{craem: treated}", "the book has no campaign 'craem'", "did you mean 'cream'?"),
    ("{holdout: {universal: in}}", "the book has no campaign 'holdout'", "did you mean 'holdouts'?"),
    ("{cream: treted}", "the assignment cannot be 'treted'", "did you mean 'treated'?"),
    ("{cream: 1}", "the assignment cannot be this", "one of: treated, control"),
    ("{comb: control}", "the campaign 'comb' has no control", ""),
    ("{holdouts: {univrsal: in}}", "the book has no holdout 'univrsal'", "did you mean 'universal'?"),
    ("{holdouts: {universal: inn}}", "the assignment cannot be 'inn'", "did you mean 'in'?"),
    ("{layers: {price: full}}", "the book has no layer 'price'", "did you mean 'prices'?"),
    ("{layers: {prices: ful}}", "the assignment cannot be 'ful'", "did you mean 'full'?"),
    ("{layers: full}", "`layers` must be a mapping", "of names to assignments"),
    ("{ramps: {cream: 4%}}", "the book has no campaign with a ramp 'cream'", "there are: soap"),
    ("{ramps: {soap: 4}}", "a place in a ramp is a percentage", "for example 4%"),
]


@pytest.mark.parametrize(("assigned", "message", "hint"), MISTAKES)
def test_names_and_values_that_the_book_does_not_have_are_reported(
    assigned: str, message: str, hint: str, compiled: CompiledBook
) -> None:
    """Once, with the one that was meant."""
    read = load_scenario_files(
        {"t.yaml": ("tests:\n" + scenario("ada", assigned, "{outcome: offer}")).encode()}, compiled
    )
    assert [(diagnostic.message, diagnostic.hint) for diagnostic in read.diagnostics] == [(message, hint)]


def test_a_step_that_decides_nothing_has_no_assignments(compiled: CompiledBook) -> None:
    """It would have no effect."""
    story = """
  - name: linked
    customer: {customer: ada, profile: {phone: "1"}}
    story: [{at: 2026-03-10T12:00, link: ben, assigned: {cream: treated}}]
"""
    read = load_scenario_files({"t.yaml": f"tests:\n{story}".encode()}, compiled)
    assert [diagnostic.message for diagnostic in read.diagnostics] == [
        "`assigned` beside `link`: only a step that decides looks at assignments"
    ]


HINTS = [
    (STATED[1][0], "{outcome: offer}", None),
    (
        "{holdouts: out, layers: {prices: full}}",
        "{outcome: offer}",
        "is in the control group of cream, {cream: treated}",
    ),
    (
        "{cream: treated, layers: {prices: full}}",
        "{campaign: cream, outcome: offer}",
        "is in the holdout universal, {holdouts: {universal: out}}",
    ),
    (
        "{cream: treated, holdouts: out}",
        "{campaign: cream}",
        "is in another slot of prices, {layers: {prices: full}}",
    ),
    (
        "{soap: treated, holdouts: out, layers: {prices: reduced}}",
        "{campaign: soap}",
        "is not reached by the ramp of soap, {ramps: {soap: 0.1%}}",
    ),
    (
        "{holdouts: out, layers: {prices: full}}",
        "{outcome: control}",
        "is not in the control group of cream, {cream: control}",
    ),
]


@pytest.mark.parametrize(("assigned", "expect", "hint"), HINTS)
def test_a_failure_that_rests_on_the_hash_says_how_to_state_the_group(
    assigned: str, expect: str, hint: str | None, compiled: CompiledBook
) -> None:
    """With the customer, the group, and the words to add; with these words the test passes, if the group was all."""
    ids = [f"customer-{number}" for number in range(200)]
    results = played("".join(scenario(name, assigned, expect) for name in ids), compiled)
    failed = {name: result for name, result in zip(ids, results, strict=True) if not result.ok}
    assert failed
    said = {line for result in failed.values() for line in result.differences[0].why if "by the hash" in line}
    if hint is None:
        assert said == set()
        return
    group, _, words = hint.partition(", ")
    for name in failed:
        line = (
            f"customer {name} {group}, by the hash of the id; "
            f"to state it, write assigned: {words} in the test"
        )
        assert line in said
    added = f"{assigned[:-1]}, {words[1:]}"
    again = played("".join(scenario(name, added, expect) for name in failed), compiled)
    assert all(result.ok for result in again)
