"""Tables, migrations and rows agree."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from engine.ledger.migrate import migrate
from engine.ledger.rows import ContactRow, DecisionRow, EventRow, PersonRow, RequestRow, SignalRow
from engine.ledger.tables import (
    METADATA,
    ContactTable,
    DecisionTable,
    EventTable,
    PersonTable,
    RequestTable,
    SignalTable,
)


def test_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    """A log made by the migrations is what the table classes say, and migrating again changes nothing."""
    migrate(tmp_path / "tact.db")
    migrate(tmp_path / "tact.db")
    engine = create_engine(f"sqlite:///{tmp_path / 'tact.db'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        assert set(inspect(connection).get_table_names()) == {
            "alembic_version",
            "contacts",
            "decisions",
            "events",
            "persons",
            "requests",
            "signals",
        }


def test_rows_have_the_tables_columns() -> None:
    """Rows are positional, so their fields must be the columns in order."""
    for row, table in (
        (DecisionRow, DecisionTable),
        (RequestRow, RequestTable),
        (ContactRow, ContactTable),
        (PersonRow, PersonTable),
        (EventRow, EventTable),
        (SignalRow, SignalTable),
    ):
        columns = [column.name for column in METADATA.tables[table.__tablename__].columns]
        assert list(row._fields) == columns
