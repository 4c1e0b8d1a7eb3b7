"""A person: all that is held and why, an export for them, and their rights to object and to be erased."""

from collections import defaultdict
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from engine.api.v1 import privacy_pb2 as pb
from engine.console.page import Asked, ConsolePage, Refusal
from engine.console.texts import _
from engine.server.access.roles import Role

OFFICERS = frozenset((Role.PRIVACY,))


_ACCESS = "access"
"""The section of those who looked at the person or changed what is held."""


_MOST_ROWS = 100
"""Rows of a section that the page shows; an export has all."""


class HeldPart(NamedTuple):
    """The rows of a section."""

    name: str
    meaning: str
    number: int
    rows: list[dict[str, Any]]
    """The latest, by column."""


class HeldPerson(NamedTuple):
    """All that is held of a person."""

    head: pb.ExportHead
    parts: list[HeldPart]
    document: bytes
    is_empty: bool
    """Whether nothing is left but rows of who had access, which the audit keeps of an erased person, too."""
    """The whole as JSON."""


def _person(asked: Asked) -> Response:
    """Asks for a name only by POST, so that no name stands in an address, in a history or in a log."""
    return asked.page("person.html", customer="", held=None, done="", receipt=None)


def _show(asked: Asked) -> Response:
    customer = _customer(asked)
    return asked.page("person.html", customer=customer, held=_held(asked, customer), done="", receipt=None)


def _export(asked: Asked) -> Response:
    held = _held(asked, _customer(asked))
    # the name of the file names nobody: names may hold anything
    headers = {"content-disposition": 'attachment; filename="export.json"'}
    return Response(held.document, media_type="application/json", headers=headers)


def _object(asked: Asked) -> Response:
    customer, purpose = _customer(asked), asked.form.get("purpose", "").strip()
    reference = asked.form.get("reference", "").strip()
    with asked.privacy() as client:
        if asked.form.get("withdraw"):
            client.withdraw_objection(
                pb.WithdrawObjectionRequest(customer_id=customer, purpose=purpose, reference=reference)
            )
            done = _("The objection is taken back.")
        else:
            client.object(pb.ObjectRequest(customer_id=customer, purpose=purpose, reference=reference))
            done = _("The objection is noted.")
    return asked.page("person.html", customer=customer, held=_held(asked, customer), done=done, receipt=None)


def _erase(asked: Asked) -> Response:
    customer = _customer(asked)
    if asked.form.get("again", "").strip() != customer:
        raise Refusal(400, _("Nothing was erased: the name was not repeated exactly."))
    request = pb.EraseRequest(customer_id=customer, reference=asked.form.get("reference", "").strip())
    with asked.privacy() as client:
        receipt = client.erase(request)
    return asked.page("person.html", customer="", held=None, done=_("The person is erased."), receipt=receipt)


def _customer(asked: Asked) -> str:
    customer = asked.form.get("customer", "").strip()
    if not customer or len(customer) > 200:
        raise Refusal(400, _("Name a person, by at most 200 characters."))
    return customer


def _held(asked: Asked, customer: str) -> HeldPerson:
    head, rows = pb.ExportHead(customer_id=customer), defaultdict[str, list[dict[str, Any]]](list)
    with asked.privacy() as client:
        for part in client.export(customer):
            if part.HasField("head"):
                head = part.head
            else:
                rows[part.row.section].append(orjson.loads(part.row.json))
    parts = [
        HeldPart(name, head.sections.get(name, ""), len(held), [*reversed(held[-_MOST_ROWS:])])
        for name, held in rows.items()
    ]
    document = {
        "customer": head.customer_id,
        "person": head.person_id,
        "names": [*head.names],
        "made_at": head.made_at.ToJsonString() if head.HasField("made_at") else None,
        "sections": {
            name: {"meaning": head.sections.get(name, ""), "rows": held} for name, held in rows.items()
        },
    }
    return HeldPerson(
        head, parts, orjson.dumps(document, option=orjson.OPT_INDENT_2), rows.keys() <= {_ACCESS}
    )


PAGES = (
    ConsolePage("/person", "person", _person, OFFICERS, nav="Person"),
    ConsolePage("/person", "show_person", _show, OFFICERS, ("POST",)),
    ConsolePage("/person/export", "export_person", _export, OFFICERS, ("POST",)),
    ConsolePage("/person/object", "object_person", _object, OFFICERS, ("POST",)),
    ConsolePage("/person/erase", "erase_person", _erase, OFFICERS, ("POST",)),
)
