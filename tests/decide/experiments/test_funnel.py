"""Treated and control customers see the same funnel: what is withheld changes nothing but that it is not sent."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.decide.select import select
from engine.model.contact import Contact
from engine.model.request import Request
from tests.decide.arbitrate.shop import compiled_book
from tests.decide.experiments.fixtures import DAY, NOW, by_sms, on_page

BOOK = """
book: {{name: funnel, timezone: Asia/Shanghai, salt: "{salt}"}}
attributes:
  profile.phone: {{type: text}}
  profile.late: {{type: boolean}}
channels:
  web: {{kind: inbound}}
  sms: {{kind: outbound, address: profile.phone, consent: sms, on_silence: confirm}}
placements:
  hero: {{channel: web, max_offers: 2}}
offers:
  cream: {{name: Cream, value: 10, content: {{default: {{title: Cream}}}}}}
  soap: {{name: Soap, value: 5, content: {{default: {{title: Soap}}}}}}
  parcel: {{name: Parcel, content: {{default: {{title: Late}}}}}}
campaigns:
  cream:
    offer: cream
    channels: [sms]
    placements: [hero]
    limits: {{per_customer: {{limit: {own}, per: rolling 5d}}}}
    {control}
    variants: {{a: {{content: {{default: {{title: A}}}}}}, b: {{content: {{default: {{title: B}}}}}}}}
  soap: {{offer: soap, channels: [sms], placements: [hero], {other}}}
  parcel: {{offer: parcel, category: service, tier: 1, when: {{profile.late: true}}, channels: [sms]}}
pressure:
  caps: {{weekly: {{limit: {weekly}, per: rolling 7d, count: {{kind: [inbound, outbound]}}, except: {{category: service}}}}}}
  gaps: {{breath: {{at_least: {gap}, count: {{kind: outbound}}}}}}
{holdout}
"""
RULES = st.fixed_dictionaries(
    {
        "salt": st.sampled_from("pqrstu"),
        "own": st.integers(1, 3),
        "weekly": st.integers(1, 4),
        "gap": st.sampled_from(("6h", "2d")),
    }
)
ASKED = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(("sms", "late", "page"))), min_size=2, max_size=12
)


def with_and_without(rules: dict[str, object]) -> tuple[CompiledBook, CompiledBook]:
    """The book with experiments, and the same without."""
    withheld = {"control": "control: 50%", "other": "control: 30%"}
    holdout = "holdouts: {universal: {share: 30%, except: {category: service}}}"
    return (
        compiled_book(BOOK.format(**rules, **withheld, holdout=holdout)),
        compiled_book(BOOK.format(**rules, control="", other="", holdout="")),
    )


def chosen(
    compiled: CompiledBook, requests: Sequence[Request], person: str
) -> list[list[tuple[object, ...]]]:
    """What was chosen for each request, withheld or not, with the contacts of earlier requests."""
    history: list[Contact] = []
    results = []
    for request in requests:
        selection = select(evaluate(compiled, request), history, person)
        history += [selected.contact for selected in selection.chosen]
        creatives: list[tuple[object, ...]] = [
            (
                selected.proposal.compiled_campaign.campaign.name,
                selected.proposal.campaign_channel.channel,
                selected.proposal.chosen.creative.variant,
            )
            for selected in selection.chosen
        ]
        results.append(
            [
                *creatives,
                (selection.next_allowed_at,),
                tuple(tried.reason.name for tried in selection.tried if tried.read),
            ]
        )
    return results


@settings(max_examples=60, deadline=None)
@given(RULES, ASKED, st.integers(0, 10))
def test_experiments_change_nothing_but_what_is_sent(
    rules: dict[str, object], asked_requests: list[tuple[int, str]], number: int
) -> None:
    """Whatever is withheld from a person, the same would be chosen at every moment as without any experiment."""
    person = f"customer-{number}"
    requests = []
    for half_days, how in sorted(asked_requests):
        now = NOW + half_days * DAY // 2
        requests.append(
            on_page(person, now=now) if how == "page" else by_sms(person, now, late=how == "late")
        )
    controlled, none = (chosen(compiled, requests, person) for compiled in with_and_without(rules))
    assert [result[:-1] for result in controlled] == [result[:-1] for result in none]
