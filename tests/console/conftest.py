"""A console as an operator starts it, and browsers that have no scripts."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import httpx

from tests.forked import Forked
from tests.servers import faults_in
from tests.waiting import HANGS, until

_COMPARED = 'data-poll="/versions/'
_GATHERED = re.compile(r'data-poll="(/person/gathered/[^"]+)"')
_HIDDEN = re.compile(r'name="code" value="([^"]+)"')


class Browser(httpx.Client):
    """Follows no redirects, and opens a page again while it says that what it shows is being worked out."""

    def get(self, url: str, **options: Any) -> httpx.Response:  # type: ignore[override]
        """The page as it is when it is whole."""
        answers = [super().get(url, **options)]

        def is_whole() -> bool:
            if "refresh" not in answers[-1].headers and _COMPARED not in answers[-1].text:
                return True
            answers.append(httpx.Client.get(self, url, **options))
            return False

        until(is_whole)
        return answers[-1]


@dataclass
class RunningConsole:
    """A console that runs."""

    address: str
    once: str
    """The one-time address; empty: there is none."""
    process: Forked = field(repr=False)
    errors: list[str] = field(default_factory=list, repr=False)
    """The lines that it wrote to standard error."""
    browsers: list[httpx.Client] = field(default_factory=list)

    def browser(self, **headers: str) -> httpx.Client:
        """A browser that nobody has logged in with; it follows no redirects."""
        browser = Browser(base_url=self.address, headers={"accept-language": "en", **headers}, timeout=60)
        self.browsers.append(browser)
        return browser

    def post(
        self, browser: httpx.Client, path: str, fields: dict[str, str], **headers: str
    ) -> httpx.Response:
        """Sends a form as a browser does it; what is held of a person is waited for."""
        answers = [browser.post(path, data=fields, headers={"origin": self.address, **headers})]

        def is_whole() -> bool:
            gathered = _GATHERED.search(answers[-1].text)
            if gathered is not None:
                answers.append(browser.get(gathered.group(1)))
            return gathered is None

        until(is_whole)
        return answers[-1]

    def logged_in(self, token: str = "", **headers: str) -> httpx.Client:
        """A browser with a session, by the token or by the one-time address."""
        browser = self.browser(**headers)
        fields = {"token": token} if token else {"code": _HIDDEN.findall(browser.get(self.once).text)[0]}
        assert self.post(browser, "/login", fields).status_code == 303
        return browser


@contextmanager
def console_of(log: Path | str, *options: str, **environment: str) -> Iterator[RunningConsole]:
    """A console for the length of a block, on a free port of loopback."""
    url = log if isinstance(log, str) else f"sqlite:///{log}"
    process = Forked(
        "console", "--log", url, "--port", "0", *options, environment={**os.environ, **environment}
    )
    errors: list[str] = []
    draining = Thread(target=lambda: errors.extend(process.stderr), daemon=True)
    draining.start()  # so that a full pipe never stops it
    try:
        line = process.stdout.readline()
        if "listening on " not in line:
            draining.join(HANGS)
            raise AssertionError(f"the console did not start: {line}{''.join(errors)}")
        once = "" if "--callers" in options and "--token-file" not in options else process.stdout.readline()
        running = RunningConsole(line.split()[-1], once.split()[-1] if once else "", process, errors)
        yield running
        for browser in running.browsers:
            browser.close()
        assert faults_in(errors) == []
    finally:
        process.terminate()
        process.wait(HANGS)
        draining.join(HANGS)
        process.stdout.close()
        process.stderr.close()
