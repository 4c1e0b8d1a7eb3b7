"""Which names read like sensitive data, by their words in three languages, and which do not."""

import pytest

from engine.rulebook.lint.sensitive import sensitivity
from engine.rulebook.load import load_files, load_sources
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.text.files import Sources
from tests.rulebook.lint.loading import NOW

READS_LIKE = {
    "political": "party political_party party_id petition petition_signed voter parti partei wähler parteimitgliedschaft",
    "religious": "religion religion_id konfession confession glaube église church belief kosher",
    "union": "union trade_union union_member gewerkschaft gewerkschaftsmitglied syndicat syndiqué",
    "ethnic": "race ethnicity origine_ethnique hautfarbe",
    "genetic": "dna genetic_test adn gentest",
    "biometric": "biometric_template fingerprint empreinte_digitale fingerabdruck",
    "health": "health allergy allergies diabetic gesundheitszustand santé maladie pregnant schwanger impfstatus disability",
    "sexual": "sexual_orientation sexuality lgbt orientation_sexuelle",
}
HARMLESS = (
    "party_size birthday_party third_party first_party credit_union european_union health_score account_health race_result "
    "horse_race orientation policy polite diagnostics device_fingerprint import impression island topic name votes beliefs_x "
    "gene_kelly disabled partial parting unions_jack racer healthy_snacks_club churn"
)


@pytest.mark.parametrize(
    ("name", "category"),
    [(name, category) for category, names in READS_LIKE.items() for name in names.split()],
)
def test_the_name_reads_like_its_category(name: str, category: str) -> None:
    """Words in English, German and French, alone and among others."""
    kind = sensitivity(name)
    assert kind is not None
    assert kind.category == category


@pytest.mark.parametrize("name", HARMLESS.split())
def test_the_name_is_harmless(name: str) -> None:
    """Words that only look alike, and words with other meanings beside others that tell which."""
    assert sensitivity(name) is None


BOOK = """
book: {name: hall, timezone: UTC}
attributes:
  profile.religion: {type: text}  # tact: ignore sensitive-name  # the name of a perfume
  profile.faith.level: {type: text}
  profile.party: {type: text}
channels: {web: {kind: inbound}}
placements: {top: {channel: web}}
events:
  stored: true
TYPES
patterns:
  p: {first: {event: signed, within: 30d}, expose: {topic: first.petition}}
offers: {o: {name: O, content: {default: {title: O}}}}
campaigns:
  c:
    offer: o
    placements: [top]
    when:
      profile.religion: a
      profile.faith.level: a
      profile.party: a
      behaviour: {event: signed, where: {party: x, petition: y}, within: 3d, count: {gte: 1}}
      pattern: p
"""


@pytest.mark.parametrize(
    ("types", "lines"),
    [
        ("", [6, 23, 23]),
        ("  types: {signed: any}", [6, 23, 23]),
        ("  types: {signed: {fields: {petition: text, party: text}}}", [6, 11, 11]),
    ],
)
def test_declared_and_undeclared_names_are_reported_once(types: str, lines: list[int]) -> None:
    """An attribute where it is declared; a field where it is declared, or else where it is first used."""
    text = BOOK.replace("TYPES", types).encode()
    assert load_files({"book.yaml": text}).book is not None
    result = load_sources(Sources({"book.yaml": text}), "", lambda _: NOW)
    own = [diagnostic.line for diagnostic in result.diagnostics if diagnostic.code == Code.SENSITIVE_NAME]
    assert own == lines
    assert result.ignored == 1
