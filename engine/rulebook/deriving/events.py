"""The section `events`: which recorded events are kept for a person."""

from engine.rulebook.channels import span
from engine.rulebook.model.derived import EventStore
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.report.findings import Findings
from engine.rulebook.shapes.derived import EventsShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.nodes import Plain

_PATH = ("events",)


def read(data: dict[str, Plain], findings: Findings) -> EventStore:
    """How events are kept; nothing is unless the book says so."""
    shape = shaped(EventsShape, data, _PATH, findings)
    if shape is None:
        return EventStore()
    if not shape.stored:
        for key in ("newest", "keep"):
            if key in data and (*_PATH, key) not in findings.spoiled:
                message = f"events are not stored, so `{key}` has no effect: it needs `stored: true`"
                findings.remark((*_PATH, key), Code.NO_EFFECT, message, Severity.WARNING)
    return EventStore(shape.stored, shape.newest, span((*_PATH, "keep"), shape.keep, findings))
