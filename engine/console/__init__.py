"""The console: pages in a browser for those who write books, release them, and look at what they do.

It decides nothing: what changes something goes to a server by gRPC under the user's roles, and what is shown is read by the
query functions of `measure` and `ledger`. This package is the one door; it needs the extra `tact[console]`.
"""

from engine.console.app import WithoutRole
from engine.console.page import DraftEditing, Servers
from engine.console.serve import ConsoleOptions, serve_console

__all__ = ["ConsoleOptions", "DraftEditing", "Servers", "WithoutRole", "serve_console"]
