"""The statements of the page about PostgreSQL, on a real one."""

from engine.ledger.store.open import open_store
from tests.docs.pages import ROOT, blocks_of
from tests.logs import Log
from tests.postgres import PostgresServer

PAGE = ROOT / "docs" / "how-to" / "keep-the-log-in-postgresql.md"
_AS_ADMINISTRATOR = ("CREATE ROLE", "GRANT")


def test_every_statement_of_the_page_runs(postgres_server: PostgresServer) -> None:
    """Roles are made first; then the owner's server makes the tables, and the owner can do what the page says."""
    administrator = Log(postgres_server.create_database("by_the_page"))
    owner = Log(administrator.url.replace("//postgres@", "//tact@"))
    statements = [block.text for block in blocks_of(PAGE) if block.language == "sql"]
    assert len(statements) >= 6
    roles = [statement for statement in statements if statement.startswith(_AS_ADMINISTRATOR)]
    administrator.execute(roles[0])
    open_store(owner.url).close()
    administrator.execute(*roles[1:])
    owner.execute(*(statement for statement in statements if statement not in roles))
    analyst = Log(administrator.url.replace("//postgres@", "//analyst@"))
    assert analyst.rows("SELECT count(*) FROM decisions") == [(0,)]
    assert analyst.rows("SELECT schemaname FROM pg_tables WHERE tablename = 'contacts'") == [("tact",)]
