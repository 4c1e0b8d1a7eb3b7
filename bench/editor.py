"""The language server on a book of 1,000 campaigns: from a key to the problems that it made, and what is asked meanwhile."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from bench import books
from bench.books import CAMPAIGNS
from bench.processes import BUILD
from bench.ratio import NO_TARGET, Ratio
from bench.table import Step, silent

TARGET_SECONDS = 0.5
"""From a key to its problems, and from a question to its answer."""

_FILES = 10


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Seconds of an editor, as ratios of the target to what was measured."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-editor-") as name:
        return [
            ratio
            for files in (_FILES, 1)
            for ratio in asyncio.run(_measure(Path(name) / str(files), files, 3 if quick else 15, step))
        ]


def _write(folder: Path, files: int) -> str:
    """Write the book over so many files with campaigns; returns the name of the first of these."""
    folder.mkdir(parents=True)
    book: dict[str, Any] = books.book(CAMPAIGNS)
    campaigns = list(book.pop("campaigns").items())
    size = -(-len(campaigns) // files)
    for number in range(files):
        part = {"campaigns": dict(campaigns[number * size : (number + 1) * size])}
        text = yaml.safe_dump(part, sort_keys=False, allow_unicode=True)
        (folder / f"campaigns{number}.yaml").write_text(text, encoding="utf-8")
    (folder / "book.yaml").write_text(yaml.safe_dump(book, sort_keys=False), encoding="utf-8")
    return "campaigns0.yaml"


async def _measure(folder: Path, files: int, rounds: int, step: Step) -> list[Ratio]:
    name = _write(folder, files)
    uri, text = (folder / name).as_uri(), (folder / name).read_text(encoding="utf-8")
    label = f"{CAMPAIGNS:,} campaigns in {files} file{'s' if files > 1 else ''} of {len(text) / 1e3:,.0f} kB"
    step(f"editor: {label}")
    client = LanguageClient("bench", "0")
    published: asyncio.Queue[types.PublishDiagnosticsParams] = asyncio.Queue()

    @client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    def publish(params: types.PublishDiagnosticsParams) -> None:
        published.put_nowait(params)

    await client.start_io(sys.executable, "-m", "engine.cli", "lsp")
    await client.initialize_async(
        types.InitializeParams(capabilities=types.ClientCapabilities(), root_uri=folder.as_uri())
    )
    client.initialized(types.InitializedParams())
    client.text_document_did_open(
        types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, "yaml", 1, text))
    )
    await _published(published, uri, lambda _: True)
    seconds: dict[str, list[float]] = {
        "a key to its problems": [],
        "completion while typing": [],
    }
    line = text[: text.index("offer: ")].count("\n")
    column = text.splitlines()[line].index("offer: ") + len("offer: ")
    at: dict[str, Any] = {
        "text_document": types.TextDocumentIdentifier(uri),
        "position": types.Position(line, column + 1),
    }
    for number in range(rounds):
        wrong = text.replace("offer: ", f"offer: x{number}", 1)
        started = time.perf_counter()
        _type(client, uri, wrong, 2 * number + 2)
        await client.text_document_completion_async(types.CompletionParams(**at))
        seconds["completion while typing"].append(time.perf_counter() - started)
        await _published(
            published, uri, lambda params: any(mistake.code == "unknown" for mistake in params.diagnostics)
        )
        seconds["a key to its problems"].append(time.perf_counter() - started)
        _type(client, uri, text, 2 * number + 3)
        await _published(
            published, uri, lambda params: all(mistake.code != "unknown" for mistake in params.diagnostics)
        )
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return [_ratio(f"{what}, {label}", took) for what, took in seconds.items()]


def _type(client: LanguageClient, uri: str, text: str, version: int) -> None:
    change = types.TextDocumentContentChangeWholeDocument(text)
    document = types.VersionedTextDocumentIdentifier(version, uri)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))


async def _published(
    published: "asyncio.Queue[types.PublishDiagnosticsParams]",
    uri: str,
    fits: Callable[[types.PublishDiagnosticsParams], bool],
) -> None:
    while True:
        params = await published.get()
        if params.uri == uri and fits(params):
            return


def _ratio(name: str, seconds: list[float]) -> Ratio:
    median, worst = statistics.median(seconds), max(seconds)
    detail = f"{1e3 * median:,.0f} ms, at most {1e3 * worst:,.0f}, against {1e3 * TARGET_SECONDS:,.0f} ms"
    return Ratio(name, TARGET_SECONDS / median, 1.0 if "key" in name else NO_TARGET, detail)
