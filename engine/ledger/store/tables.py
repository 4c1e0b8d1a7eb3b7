"""Makes a table of a row: a NamedTuple declares its columns once, for reading, writing and the schema.

Rows go in and out as plain tuples in the order of their fields, which is far cheaper than an object of SQLModel for each.
"""

import types
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar, get_args, get_type_hints

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

RowT = TypeVar("RowT")


class ColumnType(NamedTuple):
    """How a field is stored, where its Python type does not say."""

    sql: TypeEngine[Any]
    primary_key: bool = False


_ORDERED = String().with_variant(String(collation="C"), "postgresql")
"""Compared byte by byte on PostgreSQL too: UUIDv7 are in order of time, and no new release of a language changes an index."""


IdKey: TypeAlias = Annotated[str, ColumnType(_ORDERED, primary_key=True)]
"""A text of the primary key."""


InstantKey: TypeAlias = Annotated[int, ColumnType(BigInteger(), primary_key=True)]
"""A time of the primary key."""


NumberKey: TypeAlias = Annotated[int, ColumnType(Integer(), primary_key=True)]
"""A small number of the primary key."""


Id: TypeAlias = Annotated[str, ColumnType(_ORDERED)]
"""A text that an index compares."""


BigInt: TypeAlias = Annotated[int, ColumnType(BigInteger())]
"""A time, or a number that may grow."""


_PLAIN: dict[type, TypeEngine[Any]] = {str: String(), int: Integer(), float: Float(), bool: Boolean()}


_TABLES: dict[type, Table] = {}


def stored(name: str, *indexes: Index, **options: object) -> Callable[[type[RowT]], type[RowT]]:
    """Declares that the decorated NamedTuple is a row of the table; options: of SQLAlchemy's Table, by dialect."""

    def declare(row: type[RowT]) -> type[RowT]:
        def body(namespace: dict[str, Any]) -> None:
            hints = get_type_hints(row, include_extras=True)
            namespace["__module__"] = __name__
            namespace["__tablename__"] = name
            namespace["__table_args__"] = (*indexes, options)
            namespace["__annotations__"] = get_type_hints(row)
            namespace |= {field: Field(sa_column=_column(hint)) for field, hint in hints.items()}

        class_name = row.__name__.replace("Row", "Table")
        types.new_class(class_name, (SQLModel,), {"table": True}, body)
        _TABLES[row] = SQLModel.metadata.tables[name]
        return row

    return declare


def table_of(row: type) -> Table:
    """The table of a row that is declared by `stored`."""
    return _TABLES[row]


def _column(hint: Any) -> Column[Any]:
    """The column of a field: `X | None` is nullable."""
    nullable = type(None) in get_args(hint)
    if nullable:
        (hint,) = (option for option in get_args(hint) if option is not type(None))
    column = next((part for part in get_args(hint) if isinstance(part, ColumnType)), None)
    if column is None:
        return Column(_PLAIN[hint], nullable=nullable)
    return Column(column.sql, primary_key=column.primary_key, nullable=nullable)
