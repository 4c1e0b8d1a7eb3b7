"""The language server of an editor in the browser: a process of its own for each, behind a WebSocket.

The editor names files `draft:///NAME`. Here they become files of a folder that lives as long as the connection: no other file
can be named, whatever a browser sends, and nothing but books is spoken about.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from engine.children import child_command, child_environment
from engine.console.users import ConsoleUser
from engine.releases import WrongFile, check_release_files

log = structlog.get_logger()

_MOST_SESSIONS = 8
"""Editors that are open at once; each has a process."""


_MOST_BYTES = 64 << 20
"""Of what one editor opens, all in all; a file that is deleted gives back what it took."""


_BLOCK = 4096
"""Bytes of the disk that a file takes at least."""


_MOST_ANSWER = 16 << 20
"""Bytes of a message of the server."""


_SECONDS = 4 * 3600.0
"""Of processor time."""


_SCHEME = "draft:///"


_ENCODED = "!#$&'()*+,/:;=?@-._~"
"""What encodeURI leaves as it is in JavaScript."""


_DELETED = 3
"""Of a change of files, as the protocol numbers them."""


_SPOKEN = ("textDocument/", "workspace/symbol", "workspace/didChangeWatchedFiles", "$/")
_SESSION = ("initialize", "initialized", "shutdown")
_CHILD = f"from engine.workbench.jobs import speak; speak({_SECONDS})"


class Unspoken(ValueError):
    """A message of the browser that is none of the protocol's, or names another file. The connection ends."""


class Translator:
    """Between the names of the browser and the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._left = folder.resolve(), _MOST_BYTES
        self._taken: dict[Path, int] = {}  # bytes of the limit, by file

    def to_server(self, text: str) -> dict[str, Any]:
        """The message for the server; files that are opened are written into the folder. Raises Unspoken."""
        message = json.loads(text)
        if not isinstance(message, dict):
            raise Unspoken("a message is an object")
        method = message.get("method")
        if method is None:  # an answer of the browser
            return message
        if not isinstance(method, str) or not (method in _SESSION or method.startswith(_SPOKEN)):
            raise Unspoken(f"the method {str(method)[:60]!r} is not spoken here")
        if method == "initialize":
            return self._initialize(message)
        mapped: dict[str, Any] = _mapped(message, self._to_file)
        if method == "textDocument/didOpen":
            self._write(mapped["params"]["textDocument"])
        if method == "workspace/didChangeWatchedFiles":
            self._delete(mapped["params"]["changes"])
        return mapped

    def to_browser(self, message: Any) -> str:
        """The message for the browser."""
        return json.dumps(_mapped(message, self._to_draft))

    def _initialize(self, message: Mapping[str, Any]) -> dict[str, Any]:
        root = self._folder.as_uri()
        capabilities = message["params"].get("capabilities", {})
        params = {
            "processId": None,
            "rootUri": root,
            "workspaceFolders": [{"uri": root, "name": "draft"}],
            "capabilities": capabilities,
        }
        return {**message, "params": params}

    def _to_file(self, uri: str) -> str:
        if not uri.startswith(_SCHEME):
            raise Unspoken(f"{uri[:60]!r} is no file of the draft")
        name = unquote(uri.removeprefix(_SCHEME))
        try:
            check_release_files({name: b""})
        except WrongFile as error:
            raise Unspoken(str(error)) from None
        return (self._folder / name).as_uri()

    def _to_draft(self, uri: str) -> str:
        path = Path(unquote(urlsplit(uri).path))
        if not path.is_relative_to(self._folder):
            return _SCHEME
        return _SCHEME + quote(path.relative_to(self._folder).as_posix(), safe=_ENCODED)

    def _write(self, document: Mapping[str, Any]) -> None:
        before = self._left
        content = str(document["text"]).encode("utf-8", "replace")
        self._left -= max(len(content), _BLOCK)
        if self._left < 0:
            raise Unspoken("the files of the draft are larger than 64 MiB")
        path = self._path(document["uri"])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self._taken[path] = self._taken.get(path, 0) + before - self._left

    def _delete(self, changes: Sequence[Mapping[str, Any]]) -> None:
        for change in changes:
            if change["type"] == _DELETED:
                path = self._path(change["uri"])
                path.unlink(missing_ok=True)
                self._left += self._taken.pop(path, 0)

    def _path(self, uri: object) -> Path:
        """Of a mapped name. Raises Unspoken for what stands outside the folder."""
        path = Path(unquote(urlsplit(str(uri)).path))
        if not path.is_relative_to(self._folder):
            raise Unspoken(f"{str(uri)[-60:]!r} is no file of the draft")
        return path


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The message with all its addresses changed: values of `uri` and its like, and the keys of `changes`."""
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    mapped: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("uri", "targetUri", "rootUri", "newUri", "oldUri") and isinstance(item, str):
            mapped[key] = change(item)
        elif key == "changes" and isinstance(item, dict):
            mapped[key] = {change(uri): _mapped(edits, change) for uri, edits in item.items()}
        else:
            mapped[key] = _mapped(item, change)
    return mapped


class LanguageServers:
    """Starts a server for each editor that connects, and ends it with the connection."""

    def __init__(self) -> None:
        self._open = 0

    async def speak(self, websocket: WebSocket, user: ConsoleUser) -> None:
        """Speaks with one editor until it leaves, or says what is not spoken here."""
        if self._open >= _MOST_SESSIONS:
            await websocket.close(1013, "too many editors are open")
            return
        self._open += 1
        try:
            await websocket.accept()
            with tempfile.TemporaryDirectory(prefix="tact-draft-") as folder:
                await _spoken(websocket, Path(folder))
        except Unspoken as refused:
            log.warning("console editor refused", user=user.name, cause=str(refused))
            with suppress(RuntimeError):
                await websocket.close(1008)
        finally:
            self._open -= 1


async def _spoken(websocket: WebSocket, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *child_command(_CHILD),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        limit=_MOST_ANSWER,
        env=child_environment(),
    )
    translator = Translator(folder)
    tasks = [
        asyncio.create_task(_from_browser(websocket, process, translator)),
        asyncio.create_task(_from_server(websocket, process, translator)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _from_browser(
    websocket: WebSocket, process: asyncio.subprocess.Process, translator: Translator
) -> None:
    with suppress(WebSocketDisconnect, ConnectionError):
        while True:
            received = await websocket.receive()
            if received["type"] == "websocket.disconnect":
                return
            try:
                message = await asyncio.to_thread(translator.to_server, received["text"])
            except Unspoken:
                raise
            except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as error:
                raise Unspoken(f"a message cannot be read: {type(error).__name__}") from None
            body = json.dumps(message).encode()
            process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))  # type: ignore[union-attr]
            await process.stdin.drain()  # type: ignore[union-attr]


async def _from_server(
    websocket: WebSocket, process: asyncio.subprocess.Process, translator: Translator
) -> None:
    reader = process.stdout
    with suppress(asyncio.IncompleteReadError, WebSocketDisconnect, RuntimeError):
        while reader is not None:
            head = await reader.readuntil(b"\r\n\r\n")
            fields = dict(line.split(b":", 1) for line in head.strip().split(b"\r\n"))
            length = int(fields[b"Content-Length"])
            if length > _MOST_ANSWER:
                return
            message = json.loads(await reader.readexactly(length))
            await websocket.send_text(translator.to_browser(message))
