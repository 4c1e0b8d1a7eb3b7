"""Offers: what is proposed."""

from collections.abc import Mapping

from engine.rulebook.content.fields import ContentReader
from engine.rulebook.model.book import Offer
from engine.rulebook.model.policies import Quota
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import Path
from engine.rulebook.sections.schedules import ActiveReader
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.sections import OfferShape
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.nodes import PlainData


def read(
    data: Mapping[str, PlainData], contents: ContentReader, periods: ActiveReader, *, partial: bool
) -> SymbolTable[Offer]:
    """The offers of the book."""
    findings = contents.findings
    offers: SymbolTable[Offer] = SymbolTable("offer", partial=partial)
    for name, value in data.items():
        path = ("offers", name)
        shape = shaped(OfferShape, value, path, findings)
        offer = _offer(name, shape, path, contents, periods) if shape else None
        offers.add(name, offer, sound=path not in findings.recovered)
    return offers


def _offer(
    name: str, shape: OfferShape, path: Path, contents: ContentReader, periods: ActiveReader
) -> Offer | None:
    active = periods.read(shape.active, (*path, "active"))
    content = None
    if shape.content is None and shape.locales:
        message = "`locales` say what of `content` reads otherwise, and there is no `content`"
        contents.findings.key_error((*path, "locales"), Code.CONTENT, message)
    if shape.content is not None:
        content = contents.read(shape.content, shape.locales, path)
        if not shape.content or not all(shape.content.values()):
            return None  # content that is there and empty is reported once, not for each use
    stock = None if shape.stock is None else Quota(f"{name}/stock", shape.stock)
    return Offer(name, shape.name, shape.category, shape.value, frozenset(shape.tags), content, active, stock)
