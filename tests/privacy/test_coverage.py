"""Nothing is held of a person that is not told."""

from engine.ledger.queries.held import BY_NAME
from engine.ledger.store.rows import METADATA
from engine.ledger.store.tables import table_of
from engine.privacy.coverage import NOT_HELD, SECTIONS


def test_every_table_is_told_or_holds_nothing_of_a_person() -> None:
    """A new table has to be read for exports, or to say why it need not be."""
    sections = {table_of(section.row).name for section in SECTIONS}
    assert sections | NOT_HELD.keys() == set(METADATA.tables)
    assert not sections & NOT_HELD.keys()


def test_every_column_is_written() -> None:
    """A new column has to say how it is written: a column that is left out is a secret."""
    for section in SECTIONS:
        assert section.forms.keys() == set(table_of(section.row).columns.keys()), section.name


def test_every_section_is_read() -> None:
    """What is told is what is read, by statements of their own."""
    assert SECTIONS
    assert {section.row for section in SECTIONS} == BY_NAME.keys()
