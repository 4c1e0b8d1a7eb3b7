"""Factors of the score: a number, or an attribute's value with a default. What is learned is in learning.py."""

from engine.rulebook.attributes import Lexicon
from engine.rulebook.model.book import AttributeType, Factor
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.sections import AttributeFactor

Form = float | str | AttributeFactor


def propensity(form: Form, path: Path, lexicon: Lexicon, findings: Findings) -> Factor:
    """The propensity at the path; of customers without the attribute it is 0 unless a default says otherwise."""
    factor = _factor(form, 0.0)
    if factor.number > 1:
        where = (*path, "default") if isinstance(form, AttributeFactor) else path
        findings.error(where, Code.VALUE, "a propensity lies between 0 and 1")
    _check(factor, form, path, lexicon, findings, highest=1.0)
    return factor


def value(form: Form, otherwise: float, path: Path, lexicon: Lexicon, findings: Findings) -> Factor:
    """The value at the path; of customers without the attribute it is the default, or the offer's value."""
    factor = _factor(form, otherwise)
    _check(factor, form, path, lexicon, findings)
    return factor


def _factor(form: Form, otherwise: float) -> Factor:
    if isinstance(form, AttributeFactor):
        return Factor(form.default, form.attribute)
    return Factor(otherwise, form) if isinstance(form, str) else Factor(form)


def _check(
    factor: Factor, form: Form, path: Path, lexicon: Lexicon, findings: Findings, highest: float | None = None
) -> None:
    """Report an attribute that cannot be the factor: it must declare that its values are numbers in the range."""
    if factor.attribute is None:
        return
    where = (*path, "attribute") if isinstance(form, AttributeFactor) else path
    attribute = lexicon.use(factor.attribute, where, findings)
    if attribute is None:
        return
    name = quote(factor.attribute)
    if attribute.type not in (AttributeType.NUMBER, AttributeType.INTEGER):
        findings.error(where, Code.TYPE, f"a number is needed; {name} is of type {attribute.type}")
        return
    low = attribute.minimum is not None and attribute.minimum >= 0
    high = highest is None or (attribute.maximum is not None and attribute.maximum <= highest)
    if not (low and high):
        bounds = "`min: 0`" if highest is None else "`min: 0, max: 1`"
        findings.error(where, Code.VALUE, f"{name} may be out of range here", f"declare it with {bounds}")
