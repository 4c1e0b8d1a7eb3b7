"""The declared tables and the migrations agree."""

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import NullPool, create_engine, inspect

from engine.ledger.store import release_rows  # noqa: F401 -- declares its tables
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import METADATA
from tests.logs import Log


def test_migrations_lead_to_the_tables(any_log: Log) -> None:
    """A log made by the migrations is what the rows declare, and opening it again changes nothing."""
    for _ in range(2):
        open_store(any_log.url).close()
    url = any_log.url.replace("postgresql:", "postgresql+psycopg:")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _is_no_partition})
        assert compare_metadata(context, METADATA) == []
        assert set(filter(_is_no_partition, inspect(connection).get_table_names())) == {
            "activations",
            "alembic_version",
            "approvals",
            "arms",
            "assignments",
            "audit",
            "books",
            "challenges",
            "commits",
            "consents",
            "contacts",
            "counters",
            "decisions",
            "dictionaries",
            "drafts",
            "events",
            "holdings",
            "identities",
            "learned",
            "outcomes",
            "persons",
            "presend_pieces",
            "presend_runs",
            "prices",
            "pseudonym_keys",
            "publications",
            "requests",
            "rollup",
            "rollup_cursor",
            "servers",
            "signals",
            "suppressions",
            "trend_alarms",
            "trend_cells",
            "trend_series",
            "trials",
        }


def _is_no_partition(name: str | None, *_: object) -> bool:
    return not re.search(r"_(default|\d{4}_\d{2})(_pkey)?$", name or "")
