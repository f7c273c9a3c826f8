"""Column types that mean the same on both databases.

Owns how ids, times and JSON are kept: ids as canonical text on SQLite and native `uuid` on PostgreSQL, always `str` in
Python; wall time as whole milliseconds; JSON as text or `jsonb`. Migrations use these too, so a type here may gain a
dialect but never change its form.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

import msgspec
from sqlalchemy import JSON, BigInteger, Boolean, ColumnElement, LargeBinary, String, Text, bindparam
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

__all__ = ["Flag", "Hash", "Id", "Json", "Milliseconds", "Number", "Ordered", "Words", "among", "bigint", "outside"]

Id = String(36).with_variant(UUID(as_uuid=False), "postgresql")
Milliseconds = BigInteger()
"""Wall time since 1970 UTC."""
Number = BigInteger()
Flag = Boolean()
Hash = LargeBinary(32)
Words = Text()
Ordered = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is sorted: by code point on both databases, whatever the operator's locale."""
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


class _IdList(TypeDecorator[Collection[str]]):
    """Many ids as one parameter, so that a statement's text does not depend on how many there are."""

    impl: type[TypeEngine[Any]] | TypeEngine[Any] = Text
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(ARRAY(UUID(as_uuid=False)))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> Any:
        ids = list(value or ())
        return ids if dialect.name == "postgresql" else msgspec.json.encode(ids).decode()


class _Among(FunctionElement[bool]):
    """A column and an `_IdList`; each database unpacks the list its own way."""

    type: TypeEngine[bool] = Boolean()
    inherit_cache: bool | None = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        # SQLAlchemy would write `(…) = 1` where a database has no booleans, and SQLite uses no index through that.
        return self


class _Outside(_Among):
    inherit_cache: bool | None = True


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(part, **options) for part in element.clauses)
    negation = "NOT " if isinstance(element, _Outside) else ""
    return f"{column} {negation}IN (SELECT value FROM json_each({ids}))"  # noqa: S608  # both are compiled, not typed in


@compiles(_Among, "postgresql")
def _among_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, ids = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} <> ALL ({ids})" if isinstance(element, _Outside) else f"{column} = ANY ({ids})"


def among(column: ColumnElement[str], ids: Collection[str]) -> ColumnElement[bool]:
    """Whether the column is one of these ids; the ids travel as a single parameter."""
    return _Among(column, bindparam(None, ids, type_=_IdList()))


def outside(column: ColumnElement[str], ids: Collection[str]) -> ColumnElement[bool]:
    """Whether the column is none of these ids."""
    return _Outside(column, bindparam(None, ids, type_=_IdList()))


def bigint(number: int) -> int:
    """A number a client chose, brought into the range of a column; beyond it, comparisons come out the same."""
    return max(-(1 << 62), min(number, 1 << 62))
