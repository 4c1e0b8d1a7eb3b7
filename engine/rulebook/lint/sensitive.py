"""Names that read like sensitive data (GDPR, article 9) of attributes and event fields that are not declared sensitive."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from engine.conditions.model import tests_of
from engine.rulebook.lint.located import conditions_of, event_conditions_of, nodes_in, tests_in
from engine.rulebook.model.book import Book
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.attributes import BUILTIN
from engine.rulebook.text.nodes import PlainData


class Sensitivity(NamedTuple):
    """A kind of sensitive data."""

    category: str
    """What a book may call it under `sensitive` and `lawful_basis`."""
    label: str
    """What messages call it."""


_TERMS: Mapping[Sensitivity, tuple[str, str]] = {
    Sensitivity("political", "a political opinion"): (
        "petition* politi* ideolog* parteimitglied* parteizugehoerigkeit parteizugehorigkeit wahlabsicht waehler* wahler* "
        "stimmzettel voter* voting_intention voted_for ballot party_member* party_affiliation party_preference electeur* "
        "intention_de_vote adherent_parti manifestation_politique protester* left_right_scale",
        "party partei parti democrat republican",
    ),
    Sensitivity("religious", "a religious or philosophical belief"): (
        "relig* konfession* kirche kirchen* church churches mosque* synagog* moschee* eglise* mosquee* catholic* protestant* "
        "katholisch evangelisch muslim* musulman* moslem* islam* jewish juif* juive* judisch juedisch hindu* buddhis* "
        "bouddhis* atheis* agnosti* weltanschauung* worldview croyance* christian christlich chretien* zakat halal kosher "
        "koscher casher ramadan",
        "faith belief beliefs denomination confession glaube glauben foi parish paroisse culte philosophy",
    ),
    Sensitivity("union", "a trade union membership"): (
        "trade_union* labor_union* labour_union* union_member* union_dues gewerkschaft* syndicalis* syndique* "
        "adherent_syndicat* adhesion_syndicale",
        "union unions syndicat syndicats",
    ),
    Sensitivity("ethnic", "a racial or ethnic origin"): (
        "ethni* racial* race_ethnicity migrationshintergrund migration_background hautfarbe skin_colour skin_color "
        "couleur_de_peau origine_ethnique rassisch* abstammung tribe caste roma_sinti",
        "race rasse",
    ),
    Sensitivity("genetic", "genetic data"): (
        "genetic* genetisch* genetik* genetique* genom* dna adn dns_test gentest* gene_test*",
        "gene genes",
    ),
    Sensitivity("biometric", "biometric data"): (
        "biometr* faceprint* voiceprint* iris_scan* retina_scan* fingerabdruck* empreinte_digitale empreintes_digitales "
        "face_template face_id_template gesichtserkennung",
        "fingerprint fingerprints",
    ),
    Sensitivity("health", "health"): (
        "allerg* diabet* diagnosis diagnose diagnoses illness* disease* sickness disabilit* behinder* schwerbehinder* "
        "handicape* invalidite pregnan* schwanger* grossesse enceinte medication* medikament* medicament* asthma* asthme "
        "hiv vih covid* vaccin* impf* geimpft krankheit* krankenkasse krankschreibung maladie* malade gesundheit* sante "
        "etat_de_sante blood_type blood_group blood_pressure blutgruppe blutdruck groupe_sanguin mental_health addiction* "
        "symptom* bmi chronic_condition medical* medizinisch* therapy therapie* dementia demenz epileps* coeliac celiac "
        "zoeliakie lactose_intoleran* gluten_intoleran* intoleran* menopaus* fertility infertil* ivf cancer_patient "
        "pflegegrad suicid*",
        "health patient patients cancer krebs prescription depression handicap krank",
    ),
    Sensitivity("sexual", "sex life or sexual orientation"): (
        "sexual* sexuel* homosex* bisex* heterosex* lesbian* lesbisch* lesbienne* gay queer lgbt* sex_life sexleben "
        "vie_sexuelle transgender*",
        "",
    ),
}
"""By kind: words that tell in any name (`*` for any ending, `_` between words that follow each other), and words that
have harmless meanings, which tell only where the name says nothing else."""

_NEUTRAL = frozenset(
    (
        *(
            "id",
            "name",
            "code",
            "type",
            "kind",
            "key",
            "is",
            "has",
            "my",
            "the",
            "of",
            "data",
            "info",
            "registered",
        ),
        *("current", "preferred", "favourite", "favorite", "status", "state", "condition", "issue", "issues"),
        *(
            "member",
            "membership",
            "mitglied",
            "mitgliedschaft",
            "membre",
            "affiliation",
            "affiliated",
            "preference",
        ),
        *("political", "politisch", "politique", "declared", "stated"),
    )
)
"""Words that leave the meaning of an ambiguous word as it is."""

_HARMLESS = frozenset(["allergen_free", "health_score", "account_health", "voter_score", "politique_de"])
"""Names of which a word only looks sensitive."""

_BREAK = re.compile(r"[_\d]+")


class _Use(NamedTuple):
    """A name that a book gives, and where."""

    name: str
    path: Path
    is_key: bool
    noun: str


def check_names(book: Book, data: PlainData, findings: Findings) -> None:
    """Warn of attributes and event fields that read like sensitive data and are not declared sensitive."""
    for use in (*_attributes(book, data), *_fields(book), *_undeclared(book, data)):
        kind = sensitivity(use.name.rpartition(".")[2] if use.noun == "attribute" else use.name)
        if kind is None and use.noun == "attribute":
            kind = sensitivity(use.name.removeprefix("profile.").replace(".", "_"))
        if kind is None:
            continue
        message = f"the {use.noun} {quote(use.name)} reads like {kind.label}, and is not declared sensitive"
        hint = (
            f"write `sensitive: {kind.category}` at its declaration and `book: lawful_basis: {kind.category}: …`, or "
            "`# tact: ignore sensitive-name` if it means something else"
        )
        findings.report(
            findings.key_location(use.path) if use.is_key else findings.location(use.path),
            Code.SENSITIVE_NAME,
            message,
            hint,
            severity=Severity.WARNING,
        )


def sensitivity(name: str) -> Sensitivity | None:
    """The kind of sensitive data that the name, lower-case words joined by `_`, reads like; None if it does not."""
    words = [word for word in _BREAK.split(_folded(name)) if word]
    if "_".join(words) in _HARMLESS:
        return None
    for kind, (telling, ambiguous) in _TERMS.items():
        if any(_occurs(term.split("_"), words) for term in telling.split()):
            return kind
        meant = [word for word in words if word not in _NEUTRAL]
        if len(meant) == 1 and meant[0] in ambiguous.split():
            return kind
    return None


def _folded(name: str) -> str:
    """The name without marks on its letters; ß and ligatures as two letters."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _occurs(term: list[str], words: list[str]) -> bool:
    """Whether the words of the term follow each other among the words; the last may have any ending if it ends in `*`."""
    *begin, last = term
    for start in range(len(words) - len(begin)):
        end = start + len(begin)
        ends = words[end].startswith(last[:-1]) if last.endswith("*") else words[end] == last
        if words[start:end] == begin and ends:
            return True
    return False


def _attributes(book: Book, data: PlainData) -> Iterator[_Use]:
    declared = data.get("attributes") if isinstance(data, dict) else None
    for name in declared if isinstance(declared, dict) else ():
        attribute = book.attributes.get(name)
        if name not in BUILTIN and attribute is not None and not attribute.sensitive:
            yield _Use(name, ("attributes", name), True, "attribute")


def _fields(book: Book) -> Iterator[_Use]:
    for name, event_type in book.event_types.items():
        for field, declared in (event_type.fields or {}).items():
            if not declared.sensitive:
                yield _Use(field, ("events", "types", name, "fields", field), True, "event field")


def _undeclared(book: Book, data: PlainData) -> Iterator[_Use]:
    """The fields of events that are used and that no type declares, each where it is used first."""
    known = {field for event_type in book.event_types.values() for field in event_type.fields or ()}
    nodes = [node for root in conditions_of(book, data) for node in nodes_in(root) if node.behaviour]
    conditions = list(event_conditions_of(nodes, book, data))
    uses = [
        _Use(test.attribute, leaf.path, False, "event field")
        for condition in conditions
        for leaf in tests_in(condition)
        for test in tests_of(leaf.condition)
    ]
    for name, pattern in book.derived.patterns.items():
        for key, source in pattern.expose.items():
            uses.append(_Use(source.field, ("patterns", name, "expose", key), False, "event field"))
    for use in uses:
        if use.name not in known:
            known.add(use.name)
            yield use
