"""Reads what pressure rules need to know of a group's customers: consents, outcomes and contacts."""

from collections import defaultdict
from collections.abc import Sequence

from engine.decide.evaluate import Evaluation
from engine.decide.pressure.consent import purposes_of, stricter
from engine.ledger.commit.commands import Identities
from engine.ledger.queries import consents, contacts, outcomes
from engine.ledger.queries.suppressions import latest
from engine.ledger.store.store import Store
from engine.model.contact import Contact, Facts
from engine.model.customer import NOTHING_SAID, Consents, CustomerState
from engine.model.outcome import PastOutcome, PastOutcomes
from engine.model.request import Request


class CustomerStates:
    """Consents and outcomes of a group's persons, as far as the evaluations can depend on them."""

    def __init__(self, store: Store, evaluations: Sequence[Evaluation], identities: Identities) -> None:
        proposing = [evaluation for evaluation in evaluations if evaluation.candidates]
        persons = _persons([evaluation for evaluation in proposing if _needs_consent(evaluation)], identities)
        self._consents: dict[str, Consents] = consents.consents_of(store, persons) if persons else {}
        for person in persons:
            if forbidden := identities.forbidden(
                person
            ):  # by somebody who was erased, and comes again in a preview
                said = self._consents.get(person, {})
                restored = {purpose: latest(said.get(purpose), own) for purpose, own in forbidden.items()}
                self._consents[person] = {**said, **restored}
        pausing = [evaluation for evaluation in proposing if evaluation.compiled.pressure.outcomes]
        self._outcomes = _outcomes(store, pausing, identities) if pausing else {}

    def of(self, person: str) -> CustomerState:
        """Consents and outcomes of one person."""
        said, past_outcomes = self._consents.get(person), self._outcomes.get(person)
        return CustomerState(said or {}, past_outcomes or ()) if said or past_outcomes else NOTHING_SAID

    def of_all(self, persons: Sequence[str]) -> CustomerState:
        """Consents and outcomes of several persons taken for one: the stricter consent holds, all outcomes count."""
        if len(persons) == 1:
            return self.of(persons[0])
        return CustomerState(
            stricter([self._consents[person] for person in persons if person in self._consents]),
            [outcome for person in persons for outcome in self._outcomes.get(person, ())],
        )


def _needs_consent(evaluation: Evaluation) -> bool:
    """Whether a candidate is personalised, or a channel of the request has a purpose that the customer may have withdrawn."""
    if any(candidate.compiled_campaign.campaign.personalised for candidate in evaluation.candidates):
        return True
    book, placement = evaluation.compiled.book, evaluation.request.placement
    if placement:
        return bool(purposes_of(book.channels[book.placements[placement].channel]))
    return any(map(purposes_of, book.channels.values()))


def persons_of(request: Request, identities: Identities) -> list[str]:
    """The persons whose contacts count for the request: one, but for a preview of names that are not linked."""
    if not request.aliases:
        return [identities.person_of(request.customer)]
    return identities.persons_of((request.customer, *request.aliases))


def contacts_by_person(
    store: Store, evaluations: Sequence[Evaluation], identities: Identities
) -> dict[str, list[Contact]]:
    """The contacts that can matter to pressure rules of the evaluations' books; none of a person is an empty list."""
    by_person: dict[str, list[Contact]] = defaultdict(list)
    lookback = max((evaluation.compiled.pressure.lookback for evaluation in evaluations), default=0)
    persons = _persons([evaluation for evaluation in evaluations if evaluation.candidates], identities)
    if lookback and persons:
        since = min(evaluation.request.now for evaluation in evaluations) - lookback
        pressures = {id(pressure): pressure for pressure in (e.compiled.pressure for e in evaluations)}

        def most(facts: Facts) -> int:
            return max(pressure.most(facts) for pressure in pressures.values())

        for person, contact in contacts.contacts_of(store, persons, since, most):
            by_person[person].append(contact)
    return by_person


def _persons(evaluations: Sequence[Evaluation], identities: Identities) -> list[str]:
    return list(
        {person for evaluation in evaluations for person in persons_of(evaluation.request, identities)}
    )


def _outcomes(
    store: Store, evaluations: Sequence[Evaluation], identities: Identities
) -> dict[str, list[PastOutcome]]:
    """The outcomes that pauses of the evaluations' books look at, by person."""
    persons = _persons(evaluations, identities)
    types = sorted({kind for evaluation in evaluations for kind in evaluation.compiled.pressure.outcomes})
    since = min(evaluation.request.now - evaluation.compiled.pressure.hindsight for evaluation in evaluations)

    def undecided(portions: Sequence[PastOutcomes]) -> set[int]:
        """Of a preview of names that are not linked, the outcomes of all of them are taken together."""
        indexes: dict[str, list[int]] = defaultdict(list)
        for index, portion in enumerate(portions):
            indexes[portion.person].append(index)
        lacking: set[int] = set()
        for evaluation in evaluations:
            request, pressure = evaluation.request, evaluation.compiled.pressure
            own = [index for person in persons_of(request, identities) for index in indexes[person]]
            if any(portions[index].since > since for index in own):
                older = pressure.undecided_outcomes([portions[index] for index in own], request.now)
                lacking.update(own[position] for position in older)
        return lacking

    by_person: dict[str, list[PastOutcome]] = defaultdict(list)
    for portion in outcomes.of_persons(store, persons, types, since, undecided):
        by_person[portion.person] += portion.outcomes
    return by_person
