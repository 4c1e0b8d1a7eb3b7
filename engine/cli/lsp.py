"""`tact lsp`: the language server for editors."""

from importlib.metadata import version

from engine.cli.exits import fail


def lsp() -> None:
    """Serve an editor in the language server protocol, over standard input and output."""
    try:
        from engine.lsp.server import serve  # noqa: PLC0415 -- of the extra, and no other command needs it
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed: pip install 'tact[editor]'")
    serve(version("tact"))
