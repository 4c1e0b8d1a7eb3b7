"""A log, a server and a console in which every field that somebody else can fill holds what would run in a browser."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.client import Client, RulebooksClient, outcome, request
from engine.console.page import ConsolePage
from engine.console.table import PAGES
from engine.ledger.store.open import lay_out
from engine.server.access.roles import Role
from engine.server.access.tokens import add, entry_of, new_token
from tests.console.conftest import RunningConsole, console_of
from tests.servers import Server, serving
from tests.waiting import HANGS

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
"""What would run in a page that does not escape it."""


CUSTOMER = f"ann {HOSTILE}{{{{7*7}}}}"
"""A name that a caller sends, which would also run in a template."""


_TEXT = json.dumps(HOSTILE)


BOOK = f"""
book: {{name: spring, timezone: Europe/Paris, locale: en}}
attributes:
  profile.age: {{type: integer}}
  profile.motto: {{type: text}}
  profile.phone: {{type: text, masked: true}}
channels:
  sms: {{kind: outbound, address: profile.phone, consent: not_needed}}
  web: {{kind: inbound}}
placements:
  hero: {{channel: web}}
pressure:
  caps:
    weekly: {{limit: 1, per: rolling 7d, count: {{channel: sms}}}}
holdouts:
  silent: {{share: 10%}}
layers:
  colours: {{slots: {{red: 0-50%, blue: 50-80%}}}}
offers:
  cream: {{name: {_TEXT}, value: 10, content: {{default: {{text: {_TEXT}}}}}}}
  oil: {{name: Oil, value: 1, content: {{default: {{text: "For {{profile.motto|you}}"}}}}}}
campaigns:
  adults:
    offer: cream
    channels: [sms]
    description: {_TEXT}
    when: {{profile.age: {{gte: 18}}, profile.motto: {{ne: {_TEXT}}}}}
    control: 20%
  everybody: {{offer: oil, channels: [sms], placements: [hero]}}
"""


_WITHOUT_A_PAGE = ("report_file", "draft", "draft_patch", "replay", "gathered_person")
"""Of what the scene does not have, or no page."""


@dataclass
class Scene:
    """What runs."""

    server: Server
    console: RunningConsole
    tokens: dict[str, str]
    """By the name of the user; `all` has every role, the others the one that they are called by."""
    log: Path
    decision_id: str
    version: str

    def browser(self, user: str = "all", **headers: str) -> httpx.Client:
        """A browser in which the user is logged in."""
        return self.console.logged_in(self.tokens[user], **headers)

    def addresses(self) -> list[str]:
        """Every page that can be opened by its address."""
        return [
            filled(page, self.parts())
            for page in PAGES
            if "GET" in page.methods and page.name not in _WITHOUT_A_PAGE
        ]

    def parts(self) -> dict[str, str]:
        """What stands in paths: there is a decision, a campaign, and a version of a book."""
        return {
            "{decision_id}": self.decision_id,
            "{name:path}": "adults",
            "{name}": "spring",
            "{version}": self.version,
            "{against}": self.version,
            "{kind}": "version",
            "{key}": self.version,
            "{campaign}": "adults",
            "{id}": "nothing",
        }


def filled(page: ConsolePage, parts: dict[str, str]) -> str:
    """The path of the page with its parts."""
    path = page.path
    for mark, part in parts.items():
        path = path.replace(mark, part)
    return path


@contextmanager
def scene_of(folder: Path, *options: str) -> Iterator[Scene]:
    """The scene for the length of a block; options: of the console."""
    book, log, callers = folder / "book", folder / "log.db", folder / "callers.toml"
    book.mkdir()
    (book / "book.yaml").write_text(BOOK, encoding="utf-8")
    lay_out(log)
    tokens = {name: new_token() for name in ("all", *Role)}
    for name, token in tokens.items():
        roles = tuple(Role) if name == "all" else (Role(name),)
        add(entry_of(token, name, roles), callers)
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv(
            "TACT_REQUEST_TIMEOUT", str(HANGS)
        )  # publishing checks the book in a process of its own
        server = stack.enter_context(serving(book, log, "--callers", str(callers)))
        decision_id, version = _happen(server.target, tokens["all"])
        words = ("--server", server.target, "--callers", str(callers), *options)
        console = stack.enter_context(console_of(log, *words))
        scene = Scene(server, console, tokens, log, decision_id, version)
        _until_counted(scene)
        yield scene


def _happen(target: str, token: str) -> tuple[str, str]:
    """Decides, reports and publishes; the id of a decision about somebody with a hostile name, and the version."""
    with Client(target, token=token, timeout=HANGS) as client:
        made = [
            client.decide(request(name, profile={"age": age, "motto": HOSTILE, "phone": "+33 1"}))
            for name, age in ((CUSTOMER, 30), ("bob", 12), ("bob", 12))
        ]
        now = datetime.now(UTC)
        client.record(
            [
                outcome(made[0].decision_id, "clicked", now),
                outcome(made[1].decision_id, "converted", now, order=HOSTILE),
            ]
        ).raise_for_errors()
    with RulebooksClient(target, token=token, timeout=HANGS) as client:
        files = [pb.BookFile(name="book.yaml", content=BOOK.encode())]
        release = client.publish(pb.PublishRequest(files=files, note=HOSTILE)).release
        client.activate(pb.ActivateRequest(name=release.name, version=release.version, note=HOSTILE))
    return made[0].decision_id, release.version


def _until_counted(scene: Scene) -> None:
    """Waits until the totals have the decisions."""
    browser, deadline = scene.browser(), time.monotonic() + HANGS
    while "Totals are counted up to" not in browser.get("/").text:
        assert time.monotonic() < deadline
        time.sleep(0.05)


class RunnableParts(HTMLParser):
    """Collects what of a page would run: scripts of its own, handlers, links that are code, and images from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Looks at an element."""
        values = dict(attrs)
        is_data = values.get("type") == "application/json"
        if tag == "script" and not is_data and not (values.get("src") or "").startswith("/static/"):
            self.runs.append(f"script {values}")
        if tag in ("img", "iframe", "object", "embed", "style", "base"):
            self.runs.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.runs.append(f"{name}={value}")
            if name in ("href", "src", "action") and not (value or "").startswith(("/", "#")):
                self.runs.append(f"{name}={value}")


def runnable(text: str) -> list[str]:
    """What of the page would run."""
    parser = RunnableParts()
    parser.feed(text)
    return parser.runs
