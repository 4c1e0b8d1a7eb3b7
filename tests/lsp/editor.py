"""An editor without a window: pytest-lsp's client with the capabilities of VS Code, and what a test asks of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.waiting import HANGS


class Editor:
    """An editor in a folder, with a language server."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client, self.folder = client, folder
        self._versions: dict[str, int] = {}

    def uri(self, name: str) -> str:
        """The address of a file of the folder."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> None:
        """Open a document."""
        document = types.TextDocumentItem(self.uri(name), "yaml", 1, text)
        self.client.diagnostics.pop(self.uri(name), None)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(document))

    def type(self, name: str, text: str) -> None:
        """Replace the text of an open document."""
        self._versions[name] = self._versions.get(name, 1) + 1
        document = types.VersionedTextDocumentIdentifier(self._versions[name], self.uri(name))
        change = types.TextDocumentContentChangeWholeDocument(text)
        self.client.diagnostics.pop(self.uri(name), None)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))

    async def diagnostics(self, name: str) -> Sequence[types.Diagnostic]:
        """The diagnostics of the document as it was typed last."""
        async with asyncio.timeout(HANGS):
            while self.uri(name) not in self.client.diagnostics:
                await self.client.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        return self.client.diagnostics[self.uri(name)]

    def at(self, name: str, text: str, before: str) -> dict[str, Any]:
        """The parameters of a request at the first occurrence of a text in a document, in units of UTF-16."""
        offset = text.index(before)
        line = text.count("\n", 0, offset)
        column = len(text[text.rfind("\n", 0, offset) + 1 : offset].encode("utf-16-le")) // 2
        return {
            "text_document": types.TextDocumentIdentifier(self.uri(name)),
            "position": types.Position(line, column),
        }


@asynccontextmanager
async def editing(
    command: list[str], folder: Path, configuration: dict[str, Any] | None = None, options: Any = None
) -> AsyncIterator[Editor]:
    """An editor in the folder, with the server that the command starts."""
    client = await ClientServerConfig(command, lambda: _client(configuration)).start()
    assert isinstance(client, LanguageClient)
    await client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities("visual-studio-code"),
            root_uri=folder.as_uri(),
            workspace_folders=[types.WorkspaceFolder(folder.as_uri(), folder.name)],
            initialization_options=options,
        )
    )
    try:
        yield Editor(client, folder)
    finally:
        await client.shutdown_session()
        await client.stop()  # type: ignore[no-untyped-call]


def _client(configuration: dict[str, Any] | None) -> LanguageClient:
    from pytest_lsp import make_test_lsp_client  # noqa: PLC0415 -- registers its features

    client = make_test_lsp_client()
    client.set_configuration(configuration or {})

    @client.feature(types.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
    def registered(_: types.RegistrationParams) -> None:
        """Files are not watched: tests change what is open."""

    return client
