"""The language server `tact lsp`, on pygls: what editors ask, answered from the books that they have open."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from engine.authoring.analyse import Analysis, analyse
from engine.authoring.complete import CompletionKind, complete
from engine.authoring.fixes import fixes
from engine.authoring.hover import hover
from engine.authoring.lenses import lenses, read_summary
from engine.authoring.names import (
    Occurrence,
    RenameError,
    check_meaning,
    declaration,
    is_declaration,
    name_at,
    references,
    rename,
    replaced,
)
from engine.authoring.quick import is_large
from engine.authoring.scenario_names import read_scenarios, renamed_in_scenarios
from engine.lsp.books import OpenBook, folder_of
from engine.lsp.convert import EditedText, action_of, diagnostic_of
from engine.rulebook.report.findings import Path as BookPath

_REQUEST_FAILED = -32803
_KINDS = {
    CompletionKind.KEY: types.CompletionItemKind.Property,
    CompletionKind.VALUE: types.CompletionItemKind.EnumMember,
    CompletionKind.ATTRIBUTE: types.CompletionItemKind.Field,
}
_WATCHED = ("**/*.yaml", "**/*.yml", "**/*.csv", "**/.tact/reach.json")
_MOST_SYMBOLS = 500


class BookServer(LanguageServer):
    """The server of one editor. It gets whole texts, as YAML and the protocol count lines differently."""

    def __init__(self, version: str) -> None:
        super().__init__("tact", version, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.books: dict[Path, OpenBook] = {}
        self.keys_and_values = True
        """Whether keys and values are completed and explained; not where another program has the schema."""
        self.published: dict[Path, set[str]] = {}
        """The files of each book of which diagnostics are shown."""

    def units(self, text: str) -> int:
        """The length of a text in the units of the editor."""
        length: int = self.workspace.position_codec.client_num_units(text)
        return length

    def open_file(self, uri: str) -> tuple[OpenBook, str] | None:
        """The book of the file, and the file's name in it; None for a file of no book."""
        path = path_of(uri)
        if path is None:
            return None
        for folder, book in self.books.items():
            if path.is_relative_to(folder) and path.relative_to(folder).as_posix() in book.typed:
                return book, path.relative_to(folder).as_posix()
        return None

    async def located(self, uri: str, position: types.Position) -> "BookPosition | None":
        """The place of a request, in the analysis of what is typed by now; None in a file of no book."""
        opened = self.open_file(uri)
        if opened is None:
            return None
        book, name = opened
        analysis = await book.settled()
        return BookPosition(book, analysis, name, *book.text(name).line_and_column(position))

    def remember(self, uri: str, text: str) -> None:
        """Take over the text of an open file, and analyse its book."""
        path = path_of(uri)
        if path is None:
            return
        opened = self.open_file(uri)
        if opened is None:
            roots = [root for known in self.workspace.folders if (root := path_of(known)) is not None]
            folder = folder_of(path, text, roots)
            if folder is None:
                return
            book = self.books.setdefault(folder, OpenBook(folder, self.units, self.publish))
            opened = book, path.relative_to(folder).as_posix()
        book, name = opened
        book.typed[name] = text
        book.change()

    async def publish(self, book: OpenBook) -> None:
        """Show the diagnostics of the newest analysis, and take back those of files that have none any more."""
        by_file: dict[str, list[types.Diagnostic]] = {name: [] for name in book.typed}
        for diagnostic in book.shown:
            name = diagnostic.file if diagnostic.file in book.contents else min(book.contents, default="")
            by_file.setdefault(name, []).append(diagnostic_of(diagnostic, book.text(name)))
        before = self.published.get(book.folder, set())
        for name in sorted(before | by_file.keys()):
            params = types.PublishDiagnosticsParams(uri=book.uri(name), diagnostics=by_file.get(name, []))
            self.text_document_publish_diagnostics(params)
        self.published[book.folder] = {name for name, shown in by_file.items() if shown}


class BookPosition:
    """A place of a book that an editor asks about."""

    def __init__(self, book: OpenBook, analysis: Analysis, file: str, line: int, column: int) -> None:
        self.book, self.analysis, self.file, self.line, self.column = book, analysis, file, line, column

    def name(self) -> tuple[BookPath, Occurrence] | None:
        """The name that stands there, and how it is written."""
        return name_at(self.analysis, self.file, self.line, self.column)

    def location(self, here: Occurrence) -> types.Location:
        """An occurrence as the protocol has it."""
        return types.Location(self.book.uri(here.file), self.book.text(here.file).of(here))


def path_of(uri: str) -> Path | None:
    """The path of a file; None for what is no file, such as an untitled document."""
    parts = urlsplit(uri)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def make_server(version: str) -> BookServer:
    """The server, with all its features."""
    server = BookServer(version)
    for add in (_session, _documents, _completion, _names, _renaming, _actions, _symbols):
        add(server)
    return server


def _session(server: BookServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        options = params.initialization_options
        if isinstance(options, dict):
            server.keys_and_values = options.get("keysAndValues") is not False

    @server.feature(types.INITIALIZED)
    async def initialized(_: types.InitializedParams) -> None:
        workspace = server.client_capabilities.workspace
        watched = workspace and workspace.did_change_watched_files
        if watched and watched.dynamic_registration:
            watchers = [types.FileSystemWatcher(glob_pattern=pattern) for pattern in _WATCHED]
            options = types.DidChangeWatchedFilesRegistrationOptions(watchers)
            registration = types.Registration("files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
            await server.client_register_capability_async(types.RegistrationParams([registration]))


def _documents(server: BookServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.remember(params.text_document.uri, params.text_document.text)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        document = server.workspace.get_text_document(params.text_document.uri)
        server.remember(params.text_document.uri, document.source)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    async def closed(params: types.DidCloseTextDocumentParams) -> None:
        opened_file = server.open_file(params.text_document.uri)
        if opened_file is not None:
            book, name = opened_file
            del book.typed[name]
            book.change()

    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    async def files_changed(params: types.DidChangeWatchedFilesParams) -> None:
        paths = [path for change in params.changes if (path := path_of(change.uri)) is not None]
        for folder, book in server.books.items():
            if any(path.is_relative_to(folder) for path in paths):
                book.change()


def _completion(server: BookServer) -> None:
    options = types.CompletionOptions(trigger_characters=[" ", ".", "{", "[", ":"])

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    async def completed(params: types.CompletionParams) -> types.CompletionList | None:
        opened = server.open_file(params.text_document.uri)
        if opened is None:
            return None
        book, name = opened
        text = EditedText(book.typed[name], server.units)
        line, column = text.line_and_column(params.position)
        only_names = not server.keys_and_values
        result = complete(book.schema(), text.lines, line - 1, column - 1, only_names=only_names)
        if result is None:
            return None
        where = text.range(line, result.start + 1, result.end - result.start)
        items = [
            types.CompletionItem(
                label=item.label,
                kind=_KINDS[item.kind],
                detail=item.description or None,
                text_edit=types.TextEdit(where, item.text),
                filter_text=item.label,
            )
            for item in result.items
        ]
        return types.CompletionList(is_incomplete=False, items=items)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hovered(params: types.HoverParams) -> types.Hover | None:
        at = await server.located(params.text_document.uri, params.position)
        if at is None:
            return None
        analysis = at.book.good if at.analysis.book is None and at.book.good else at.analysis
        known = hover(analysis, at.book.schema(), at.file, at.line, at.column)
        if known is None or (known.at is None and not server.keys_and_values):
            return None
        where = at.book.text(at.file).of(known.at) if known.at else None
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, known.text), where)


def _names(server: BookServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    async def defined(params: types.DefinitionParams) -> types.Location | None:
        at = await server.located(params.text_document.uri, params.position)
        named = at.name() if at else None
        own = declaration(at.analysis, named[0]) if at and named else None
        return at.location(own) if at and own else None

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    async def referred(params: types.ReferenceParams) -> list[types.Location]:
        at = await server.located(params.text_document.uri, params.position)
        named = at.name() if at else None
        if at is None or named is None:
            return []
        own = declaration(at.analysis, named[0]) if params.context.include_declaration else None
        written = [*([own] if own else []), *references(at.analysis, named[0])]
        return [at.location(here) for here in dict.fromkeys(written)]


def _renaming(server: BookServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)
    async def prepared(params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        at = await server.located(params.text_document.uri, params.position)
        named = at.name() if at else None
        if at is None or named is None:
            return None
        return types.PrepareRenamePlaceholder(at.book.text(at.file).of(named[1]), str(named[0][-1]))

    @server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))
    async def renamed(params: types.RenameParams) -> types.WorkspaceEdit | None:
        at = await server.located(params.text_document.uri, params.position)
        named = at.name() if at else None
        if at is None or named is None:
            return None
        try:
            written = rename(at.analysis, named[0], params.new_name)
            contents = replaced(at.book.contents, written, params.new_name)
            after = await asyncio.to_thread(analyse, contents)
            check_meaning(at.analysis, after, named[0], params.new_name)
        except RenameError as error:
            raise JsonRpcException(str(error), _REQUEST_FAILED) from error
        edits: dict[str, Sequence[types.TextEdit]] = {}
        for here in written:
            text = at.book.text(here.file)
            uri = at.book.uri(here.file)
            edits[uri] = [*edits.get(uri, ()), types.TextEdit(text.of(here), params.new_name)]
        try:
            changes = await asyncio.to_thread(_in_scenarios, server, at, named[0], params.new_name)
        except RenameError as error:
            raise JsonRpcException(str(error), _REQUEST_FAILED) from error
        for uri, edit in changes:
            edits[uri] = [*edits.get(uri, ()), edit]
        return types.WorkspaceEdit(changes=edits)


def _in_scenarios(
    server: BookServer, at: BookPosition, target: BookPath, name: str
) -> list[tuple[str, types.TextEdit]]:
    """The changes of the book's scenarios by their files, as they stand in the editor or on disk."""
    contents = read_scenarios(at.book.folder)
    opened = server.workspace.text_documents
    for file in contents:
        document = opened.get(at.book.uri(file))
        if document is not None:
            contents[file] = document.source.encode("utf-8", "surrogatepass")
    changes = []
    for edit in renamed_in_scenarios(contents, target, name, at.analysis.data):
        text = EditedText(contents[edit.file].decode("utf-8-sig"), server.units)
        where = types.Range(text.position(*edit.start), text.position(*edit.end))
        changes.append((at.book.uri(edit.file), types.TextEdit(where, edit.text)))
    return changes


def _actions(server: BookServer) -> None:
    options = types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, options)
    async def acted(params: types.CodeActionParams) -> list[types.CodeAction]:
        at = await server.located(params.text_document.uri, params.range.start)
        if at is None:
            return []
        text = at.book.text(at.file)
        first, last = text.line_and_column(params.range.start)[0], text.line_and_column(params.range.end)[0]
        shown = [
            diagnostic
            for diagnostic in at.analysis.diagnostics
            if diagnostic.file == at.file and first <= diagnostic.line <= last
        ]
        invoked = params.context.trigger_kind is types.CodeActionTriggerKind.Invoked
        if is_large(at.analysis) and not invoked:
            offered = [(diagnostic, fix) for diagnostic in shown for fix in fixes(diagnostic)]
        else:
            offered = await at.book.fixes(at.analysis, shown)
        return [action_of(fix, diagnostic, at.book.text, at.book.uri) for diagnostic, fix in offered]

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def lensed(params: types.CodeLensParams) -> list[types.CodeLens]:
        at = await server.located(params.text_document.uri, types.Position(0, 0))
        summary = await asyncio.to_thread(read_summary, at.book.folder) if at else None
        if at is None or summary is None:
            return []
        text = at.book.text(at.file)
        return [
            types.CodeLens(text.of(here), types.Command(words, ""))
            for here, words in lenses(at.analysis, at.file, summary)
        ]


def _symbols(server: BookServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def outlined(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        at = await server.located(params.text_document.uri, types.Position(0, 0))
        if at is None:
            return []
        shown = _declared(at, lambda here: here.file == at.file)
        outline: dict[str, types.DocumentSymbol] = {}
        for path, here in shown:
            where = at.book.text(at.file).of(here)
            section = "/".join(map(str, path[:-1]))
            if section not in outline:
                outline[section] = types.DocumentSymbol(
                    section, types.SymbolKind.Namespace, where, where, children=[]
                )
            around = outline[section]
            around.range = types.Range(around.range.start, where.end)
            symbol = types.DocumentSymbol(str(path[-1]), types.SymbolKind.Object, where, where)
            around.children = [*(around.children or ()), symbol]
        return list(outline.values())

    @server.feature(types.WORKSPACE_SYMBOL)
    async def searched(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        wanted = params.query.casefold()
        symbols: list[types.WorkspaceSymbol] = []
        for book in list(server.books.values()):
            at = BookPosition(book, await book.settled(), "", 1, 1)
            symbols += [
                types.WorkspaceSymbol(
                    location=at.location(here),
                    name=str(path[-1]),
                    kind=types.SymbolKind.Object,
                    container_name=str(path[0]),
                )
                for path, here in _declared(at, lambda _: True)
                if wanted in str(path[-1]).casefold()
            ]
        return symbols[:_MOST_SYMBOLS]


def _declared(at: BookPosition, fits: Callable[[Occurrence], bool]) -> list[tuple[BookPath, Occurrence]]:
    """The names that the book declares, in the order of the files."""
    written = ((path, declaration(at.analysis, path)) for path in at.analysis.keys if is_declaration(path))
    shown = [(path, here) for path, here in written if here is not None and fits(here)]
    return sorted(shown, key=lambda entry: (entry[1].file, entry[1].line, entry[1].column))


def serve(version: str) -> Any:
    """Serve an editor over standard input and output, until it says that it ends."""
    make_server(version).start_io()
