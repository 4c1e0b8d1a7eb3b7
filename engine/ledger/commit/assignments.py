"""The draws of sticky campaigns in one group: what is kept of its customers, and what its decisions draw first."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from engine.decide.arbitrate.campaign import CampaignChannel
from engine.decide.evaluate import Evaluation
from engine.decide.experiments.samples import CONTROL, TREATED, Sample
from engine.decide.select import SelectedProposal, Selection
from engine.ledger.commit.commands import Identities
from engine.ledger.commit.customer_state import persons_of
from engine.ledger.queries import assignments
from engine.ledger.queries.assignments import DrawKey
from engine.ledger.store.rows import AssignmentRow
from engine.ledger.store.store import Store
from engine.model.customer import KeptDraw

_SAME = {"control": 5, "variant": 6}
"""By purpose, how many columns of a draw say that there is one already: one draw of a control, one of each variant."""


class KeptDraws:
    """What is kept of a group's persons and units for the sticky campaigns among their candidates.

    before: only draws of decisions before this one count; empty: all.
    """

    def __init__(
        self, store: Store, evaluations: Sequence[Evaluation], identities: Identities, before: str = ""
    ) -> None:
        self._before = before
        self._added: list[AssignmentRow] = []
        self._earlier: dict[tuple[DrawKey, str], list[AssignmentRow]] = defaultdict(list)
        """By subject and campaign, draws that are not in the table yet."""
        requested = [
            (_keys(evaluation, persons, unit), persons, campaign, unit)
            for evaluation in evaluations
            if evaluation.compiled.sticky
            for persons in (persons_of(evaluation.request, identities),)
            for campaign, unit in evaluation.sticky.items()
        ]
        subjects = {key for keys, *_ in requested for key in keys}
        self._rows = assignments.of_subjects(store, subjects) if subjects else {}
        unknown = {
            (person, campaign): unit
            for keys, persons, campaign, unit in requested
            if not any(row.campaign == campaign for key in keys for row in self._rows.get(key, ()))
            for person in persons
        }
        for row in assignments.before(store, unknown) if unknown else ():
            key = row.subject, row.unit
            if row[:6] not in {known[:6] for known in self._earlier[key, row.campaign]}:
                self._earlier[key, row.campaign].append(row)
                self._rows.setdefault(key, []).append(row)

    def of(self, evaluation: Evaluation, persons: Sequence[str]) -> tuple[KeptDraw, ...]:
        """The draws that hold for the request, in the order in which they were made."""
        rows = [
            row
            for campaign, unit in evaluation.sticky.items()
            for key in _keys(evaluation, persons, unit)
            for row in self._rows.get(key, ())
            if row.campaign == campaign and (not self._before or row.decision_id < self._before)
        ]
        rows.sort(key=lambda row: (row.decision_id, row))
        return tuple(
            KeptDraw(row.campaign, row.purpose, row.salt, row.drawn, row.share, row.at, row.unit)
            for row in rows
        )

    def add(self, evaluation: Evaluation, person: str, selection: Selection, decision_id: str) -> None:
        """Keeps what the decision drew for the first time, for the decisions that follow."""
        sticky = evaluation.sticky
        for chosen in selection.chosen:
            campaign = chosen.proposal.compiled_campaign.campaign.name
            if campaign not in sticky:
                continue
            (key,) = _keys(evaluation, [person], sticky[campaign])
            rows = self._rows.setdefault(key, [])
            self._added += self._earlier.pop((key, campaign), ())
            present = {row[: _SAME[row.purpose]] for row in rows}
            new = [
                row
                for row in _drawn(evaluation, chosen, key, decision_id)
                if row[: _SAME[row.purpose]] not in present
            ]
            rows += new
            self._added += new

    def write(self, store: Store) -> None:
        """Writes what was drawn for the first time."""
        if self._added:
            assignments.keep(store, self._added)


class ProposedDraws:
    """What is kept of persons for the sticky campaigns that columns propose for them, all of which are drawn by person."""

    def __init__(self, store: Store, pairs: Collection[tuple[str, str]]) -> None:
        """pairs: persons and campaigns."""
        self._added: list[AssignmentRow] = []
        self._kept: dict[tuple[str, str], set[tuple[str | float, ...]]] = defaultdict(set)
        subjects = {(person, "") for person, _ in pairs}
        for rows in assignments.of_subjects(store, subjects).values() if subjects else ():
            for row in rows:
                self._kept[row.subject, row.campaign].add(_outcome(row))
        unknown = {pair: "" for pair in pairs if pair not in self._kept}
        earlier = assignments.before(store, unknown) if unknown else ()
        self._earlier = {(row.subject, row.campaign) for row in earlier}
        """Of whom the draws are not in the table yet."""

    def take(self, drawn: Sequence[AssignmentRow]) -> bool:
        """Keeps the draws of a decision; False where another draw is kept, by which the person is to be decided."""
        pair = drawn[0].subject, drawn[0].campaign
        if pair in self._earlier:
            return False
        if pair in self._kept:
            return self._kept[pair] == set(map(_outcome, drawn))
        self._added += drawn
        return True

    def write(self, store: Store) -> None:
        """Writes what was drawn for the first time."""
        if self._added:
            assignments.keep(store, self._added)


def _outcome(row: AssignmentRow) -> tuple[str | float, ...]:
    return row.purpose, row.salt, row.drawn, row.share


def _keys(evaluation: Evaluation, persons: Sequence[str], unit: str) -> set[DrawKey]:
    """Whose draws hold for a campaign that is drawn by this attribute."""
    return {(evaluation.units[unit], unit)} if unit else {(person, "") for person in persons}


def _drawn(
    evaluation: Evaluation, chosen: SelectedProposal, key: DrawKey, decision_id: str
) -> list[AssignmentRow]:
    """The draws of one proposal."""
    now, salt = evaluation.request.now, evaluation.compiled.book.salt
    campaign = chosen.proposal.compiled_campaign.campaign.name
    subject = evaluation.subject(key[0])
    control = control_of(chosen.proposal.campaign_channel)
    row = AssignmentRow(*key, campaign, "control", salt, TREATED, 0.0, now, decision_id)
    is_control = control is not None and control.has(subject, now)
    drawn = chosen.proposal.chosen
    return draw_rows(row, control, drawn.creative.variant, drawn.probability, is_control=is_control)


def control_of(campaign_channel: CampaignChannel) -> Sample | None:
    """The control group of the campaign; None: it has none."""
    return next((sample for sample in campaign_channel.withholding if sample.purpose == "control"), None)


def draw_rows(
    row: AssignmentRow, control: Sample | None, variant: str, probability: float, *, is_control: bool
) -> list[AssignmentRow]:
    """The draws of a decision for a campaign: whether the subject is in its control group, and the variant, if it has a name.

    row: the first of them, as if the campaign had no control group.
    """
    rows = [row]
    if control is not None:
        drawn = CONTROL if is_control else TREATED
        share = control.high - control.low
        rows = [row._replace(salt=control.salts.at(row.at), drawn=drawn, share=share)]
    if variant:
        rows.append(row._replace(purpose="variant", drawn=variant, share=probability))
    return rows
