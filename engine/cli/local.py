"""Deciding and explaining in this process: context files, an empty ledger for them, and logged decisions."""

import asyncio
import sys
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import typer

from engine.cli.books import in_color
from engine.cli.exits import USAGE, fail
from engine.cli.logged import system_user
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import Explained, explain, explain_logged
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import check_url, is_missing, lay_out, open_store
from engine.model.instant import from_datetime
from engine.privacy.access import ReadCommand
from engine.privacy.objection import PrivacyActor
from engine.rulebook.report.diagnostics import render
from engine.scenario.context_file import GivenContext, load_context
from engine.wire.parse import Parser


def read_context(path: Path, compiled: CompiledBook) -> GivenContext:
    """What a context file says, JSON or YAML; ends the command with its diagnostics if anything is wrong."""
    loaded = load_context(path, compiled)
    typer.echo(render(loaded.diagnostics, color=in_color(sys.stderr)), nl=False, err=True)
    if loaded.given is None:
        fail(f"{path} does not load", USAGE)
    return loaded.given


def try_out(
    compiled: CompiledBook,
    given: GivenContext,
    *,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """The explained decision for a customer without history, by the prices given; raises InvalidMessage, Unsupported."""
    now = from_datetime(datetime.now(UTC))
    request = Parser(compiled, may_simulate=lambda: True).parse(given.message, now)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "tact.db"
        lay_out(log)
        ledger = Ledger(open_store(f"sqlite:///{log}"))
        try:
            engine = Engine(compiled, ledger, learned=given.learned)
            return asyncio.run(explain(engine, request, only=only, counterfactuals=counterfactuals))
        finally:
            ledger.close()


def look_back(compiled: CompiledBook, decision_id: str, log: str, *, only: Collection[str] = ()) -> Explained:
    """A logged decision explained, and the audit says who reads it.

    Raises ValueError if there is no log, NoSuchDecision and LedgerError.
    """
    check_url(log)
    if is_missing(log):
        raise ValueError(f"there is no log at {log}")
    ledger = Ledger(open_store(log))

    async def explained() -> Explained:
        engine = Engine(compiled, ledger)
        actor = PrivacyActor(system_user(), "log", from_datetime(datetime.now(UTC)))
        await engine.note(ReadCommand(actor, decision_id))
        return await explain_logged(engine, decision_id, only=only, counterfactuals=True)

    try:
        return asyncio.run(explained())
    finally:
        ledger.close()
