"""A person: all that is held and why, an export for them, and their rights to object and to be erased."""

import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from starlette.responses import Response

from engine.api.v1 import privacy_pb2 as pb
from engine.console.page import Asked, ConsolePage, Refusal
from engine.console.texts import _
from engine.console.workbench import PATIENCE
from engine.server.access.roles import Role

OFFICERS = frozenset((Role.PRIVACY,))


_ACCESS = "access"
"""The section of those who looked at the person or changed what is held."""


_MOST_ROWS = 100
"""Rows of a section that the page shows; an export has all."""


_MOST_GATHERED = 20
_KEPT_SECONDS = 120.0
"""How long what was gathered waits to be looked at."""


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
    """The whole as JSON."""
    is_empty: bool
    """Whether nothing is left but rows of who had access, which the audit keeps of an erased person, too."""


@dataclass(slots=True, eq=False)
class Gathering:
    """What is held of a person while a server gathers it, for the user who asked."""

    id: str
    user: str
    customer: str
    done: str
    """What was done before, for people."""
    began: float = field(default_factory=time.monotonic)
    ended: threading.Event = field(default_factory=threading.Event)
    held: HeldPerson | None = None
    error: Exception | None = None


class Gatherings:
    """Has persons gathered beside the pages, and forgets them once they were shown. May be used by many threads."""

    def __init__(self) -> None:
        self._kept: dict[str, Gathering] = {}
        self._lock = threading.Lock()

    def begin(self, user: str, customer: str, done: str, gather: Callable[[str], HeldPerson]) -> Gathering:
        """Begins to gather. Raises Refusal where too many wait to be looked at."""
        gathering = Gathering(secrets.token_urlsafe(18), user, customer, done)
        with self._lock:
            oldest = time.monotonic() - _KEPT_SECONDS
            self._kept = {key: kept for key, kept in self._kept.items() if kept.began > oldest}
            if len(self._kept) >= _MOST_GATHERED:
                raise Refusal(503, _("Too many persons are being gathered; try again in a minute."))
            self._kept[gathering.id] = gathering
        threading.Thread(target=self._run, args=(gathering, gather), daemon=True).start()
        return gathering

    def of(self, key: str, user: str) -> Gathering:
        """The one that this user began. Raises Refusal."""
        gathering = self._kept.get(key)
        if gathering is None or gathering.user != user:
            raise Refusal(404, _("This was shown already, or is too long ago: ask again."))
        return gathering

    def taken(self, gathering: Gathering, patience: float) -> HeldPerson | None:
        """What was gathered, if it is at hand within so many seconds; it is forgotten then. Raises what gathering raised."""
        if not gathering.ended.wait(patience):
            return None
        with self._lock:
            self._kept.pop(gathering.id, None)
        if gathering.error is not None:
            raise gathering.error
        return gathering.held

    def _run(self, gathering: Gathering, gather: Callable[[str], HeldPerson]) -> None:
        try:
            gathering.held = gather(gathering.customer)
        except Exception as error:  # noqa: BLE001 whoever asks for it gets it
            gathering.error = error
        finally:
            gathering.ended.set()


_GATHERINGS = Gatherings()


def _person(asked: Asked) -> Response:
    """Asks for a name only by POST, so that no name stands in an address, in a history or in a log."""
    return asked.page("person.html", customer="", gathering=None, held=None, done="", receipt=None)


def _show(asked: Asked) -> Response:
    return _shown(
        asked, _GATHERINGS.begin(asked.user.name, _customer(asked), "", lambda name: _held(asked, name))
    )


def _gathered(asked: Asked) -> Response:
    """What was gathered meanwhile, as a part of the page or as the whole of it; it is given once."""
    return _shown(asked, _GATHERINGS.of(asked.path("id"), asked.user.name), part=asked.query("part") == "yes")


def _shown(asked: Asked, gathering: "Gathering", *, part: bool = False) -> Response:
    """The page of a person, or one that asks again for what is being gathered."""
    held = _GATHERINGS.taken(gathering, 0 if part else PATIENCE)
    return asked.page(
        "_held.html" if part else "person.html",
        customer=gathering.customer,
        gathering=None if held else gathering,
        held=held,
        done=gathering.done,
        receipt=None,
    )


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
    return _shown(asked, _GATHERINGS.begin(asked.user.name, customer, done, lambda name: _held(asked, name)))


def _erase(asked: Asked) -> Response:
    customer = _customer(asked)
    if asked.form.get("again", "").strip() != customer:
        raise Refusal(400, _("Nothing was erased: the name was not repeated exactly."))
    request = pb.EraseRequest(customer_id=customer, reference=asked.form.get("reference", "").strip())
    with asked.privacy() as client:
        receipt = client.erase(request)
    done = _("The person is erased.")
    return asked.page("person.html", customer="", gathering=None, held=None, done=done, receipt=receipt)


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
    ConsolePage("/person/gathered/{id}", "gathered_person", _gathered, OFFICERS),
    ConsolePage("/person/export", "export_person", _export, OFFICERS, ("POST",)),
    ConsolePage("/person/object", "object_person", _object, OFFICERS, ("POST",)),
    ConsolePage("/person/erase", "erase_person", _erase, OFFICERS, ("POST",)),
)
