"""A client of language servers that is as simple as the protocol: JSON with a header, over pipes."""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Queue
from typing import Any

PATIENCE = 60
"""Seconds after which a server that does not answer is a failure."""


class LanguageServer:
    """A running language server; `with` ends it."""

    def __init__(
        self, command: list[str], folder: Path, configuration: Callable[[str], Any] = lambda _: None
    ) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._configuration = configuration
        self._received: Queue[dict[str, Any] | None] = Queue()
        self._number = 0
        self.notices: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        capabilities = {
            "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
            "textDocument": {"publishDiagnostics": {"relatedInformation": True}},
        }
        folders = [{"uri": folder.as_uri(), "name": folder.name}]
        self.capabilities = self.ask(
            "initialize",
            processId=None,
            rootUri=folder.as_uri(),
            workspaceFolders=folders,
            capabilities=capabilities,
        )["capabilities"]
        self.tell("initialized")

    def __enter__(self) -> "LanguageServer":
        """The server."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it as the protocol says."""
        self.ask("shutdown")
        self.tell("exit")
        with self._process:
            assert self._process.wait(PATIENCE) == 0

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        answer = self._until(lambda message: message.get("id") == self._number and "method" not in message)
        assert "error" not in answer, answer
        return answer["result"]

    def notice(self, method: str, fits: Callable[[Mapping[str, Any]], bool]) -> Any:
        """The parameters of the next notification that fits, or of an earlier one that nobody asked for."""
        for index, message in enumerate(self.notices):
            if message["method"] == method and fits(message["params"]):
                return self.notices.pop(index)["params"]
        return self._until(lambda message: message.get("method") == method and fits(message["params"]))[
            "params"
        ]

    def open(self, path: Path, text: str) -> None:
        """Open a document."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)

    def _until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            message = self._received.get(timeout=PATIENCE)
            assert message is not None, "the server ended"
            if fits(message):
                return message
            if "id" in message and "method" in message:
                self._answer(message)
            elif "method" in message:
                self.notices.append(message)

    def _answer(self, message: dict[str, Any]) -> None:
        items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else None
        result = None if items is None else [self._configuration(item.get("section", "")) for item in items]
        self._send({"id": message["id"], "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        self._process.stdin.flush()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while header := stream.readline():
            length = int(header.split(b":")[1]) if header.lower().startswith(b"content-length") else 0
            while stream.readline().strip():
                pass
            self._received.put(json.loads(stream.read(length)))
        self._received.put(None)
