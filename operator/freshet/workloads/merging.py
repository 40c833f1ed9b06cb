"""``merge`` in a DuckDB file: rows that are new or differ are written, no others, in memory that does not grow.

DuckDB holds what an UPDATE changes in memory, all of it until the transaction ends: 1,000,000 short rows are more than
a load may take. So rows that differ are deleted and inserted anew, which streams; they are found by number: a join
holds whole rows, which may be long. A table with a key or an index of its own does not let a key be deleted and
inserted in one go as cheaply: there rows are updated, some at a time. So they are, too, where few values come for rows
of which others stay: those may be many, or long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from freshet.workloads.columns import Column, plain
from freshet.workloads.compared import compared, differ, digest, same
from freshet.workloads.sql import identifier, qualified

__all__ = ["Merge"]

_CHANGED = "temp.main._freshet_changed"
_ROW, _DIGEST = "_freshet_row", "_freshet_digest"
_TAKEN = {"rowid", _ROW, _DIGEST}
_SLICE = 50_000
_SMALL = 16 << 20
"""Bytes of values that may be updated, old and new: DuckDB holds about four times as much until the transaction ends.
"""
_LONG, _WIDE = 1_000, 20
"""Bytes of a row, in the file or the table, and columns: of what has more a digest is compared, since the join holds
all that is compared.
"""
_OF_TABLE = "database_name = current_database() AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)"


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Of the rows of ``incoming`` into ``target``. ``columns``: those that came; ``key``: as the table writes it."""

    con: Any
    incoming: Sequence[str]
    target: Sequence[str]
    columns: Sequence[Column]
    key: Sequence[str]

    def pairs(self) -> tuple[int, int]:
        """Incoming rows with the target's of their key: as many as came, unless the target holds one of those twice;
        and how many of these pairs have a row of the target.
        """
        found, held = self._row(
            f"SELECT count(*), count(t.{identifier(self.key[0])}) FROM {qualified(self.incoming)} AS s"
            f" LEFT JOIN {qualified(self.target)} AS t ON ({self._same})"
        )
        return int(found), int(held)

    def unfilled(self) -> list[str]:
        """Columns of the key that no row of the target has a value in, if it has rows."""
        counts = ", ".join(f"count({identifier(name)})" for name in self.key)
        rows, *filled = self._row(f"SELECT count(*), {counts} FROM {qualified(self.target)}")
        return [name for name, count in zip(self.key, filled, strict=True) if rows and not count]

    def write(self, *, rows: int, size: int) -> int:
        """Add new keys, write those that differ, delete none. Returns how many rows it wrote.

        ``rows``: how many came, and ``size``: bytes of their values.
        """
        table = self._table_columns()
        came = {plain(column.in_table) for column in self.columns}
        kept = [name for name, is_generated in table.items() if not is_generated and plain(name) not in came]
        if self._is_indexed() or _TAKEN & {name.lower() for name in table} or (kept and self._is_small(size)):
            return self._update()
        is_long = len(self._others) > _WIDE or size > _LONG * rows or self._holds_long_texts()
        self._find(by_digest=is_long and bool(self._others))
        written = self._insert_changed(kept)
        self.con.execute(f"DELETE FROM {qualified(self.target)} AS t USING {_CHANGED} AS c WHERE t.rowid = c.held")
        self.con.execute(f"DROP TABLE {_CHANGED}")
        return written

    def _row(self, query: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self.con.execute(query, list(values)).fetchone()
        return found

    @property
    def _others(self) -> list[Column]:
        return [column for column in self.columns if column.in_table not in self.key]

    @property
    def _same(self) -> str:
        return same(self.columns, key=self.key)

    def _table_columns(self) -> dict[str, bool]:
        """Of the target, and whether each is generated."""
        query = f"SELECT column_name, is_generated FROM duckdb_columns() WHERE {_OF_TABLE} ORDER BY column_index"
        return dict(self.con.execute(query, list(self.target)).fetchall())

    def _is_indexed(self) -> bool:
        """By a key, a rule or an index of a table that freshet did not make."""
        query = (
            f"SELECT (SELECT count(*) FROM duckdb_indexes() WHERE {_OF_TABLE}) + (SELECT count(*) FROM"
            f" duckdb_constraints() WHERE {_OF_TABLE} AND constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY'))"
        )
        return bool(self._row(query, [*self.target, *self.target])[0])

    def _is_small(self, size: int) -> bool:
        if size > _SMALL:
            return False
        keys = ", ".join(map(identifier, self.key))
        held, _ = self._texts_of(f"({keys}) IN (SELECT ({keys}) FROM {qualified(self.incoming)})")
        return size + held <= _SMALL

    def _holds_long_texts(self) -> bool:
        held, rows = self._texts_of("true")
        return held > _LONG * rows

    def _texts_of(self, which: str) -> tuple[int, int]:
        """Bytes of the texts that the target has where some come, and how many rows."""
        lengths = (f"coalesce(strlen({identifier(one.in_table)}), 0)" for one in self._others if one.type == "VARCHAR")
        total = " + ".join(["0", *lengths])
        held, rows = self._row(
            f"SELECT coalesce(sum({total}), 0)::BIGINT, count(*) FROM {qualified(self.target)} WHERE {which}"
        )
        return int(held), int(rows)

    def _find(self, *, by_digest: bool) -> None:
        """The numbers of rows that are new or differ, and those that the table has of their keys."""
        others = [f"{digest(self._others)} AS {_DIGEST}"] if by_digest else list(map(compared, self._others))
        differs = f"t.{_DIGEST} <> s.{_DIGEST}" if by_digest else differ(self._others) or "false"
        values = ", ".join([f"rowid AS {_ROW}", *map(identifier, self.key), *others])
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {_CHANGED} AS SELECT s.{_ROW} AS came, t.{_ROW} AS held"
            f" FROM (SELECT {values} FROM {qualified(self.incoming)}) AS s"
            f" LEFT JOIN (SELECT {values} FROM {qualified(self.target)}) AS t ON ({self._same})"
            f" WHERE t.{_ROW} IS NULL OR {differs}"
        )

    def _insert_changed(self, kept: Sequence[str]) -> int:
        """With the table's values of columns that did not come, where it has the row."""
        came = ", ".join(f"s.{identifier(column.in_table)}" for column in self.columns)
        source = f"{qualified(self.incoming)} AS s"
        if not kept:
            return self._insert(f"SELECT {came} FROM {source} WHERE s.rowid IN (SELECT came FROM {_CHANGED})")
        stays = ", ".join(f"t.{identifier(name)}" for name in kept)
        held = f"JOIN {_CHANGED} AS c ON (c.came = s.rowid) JOIN {qualified(self.target)} AS t ON (t.rowid = c.held)"
        new = f"s.rowid IN (SELECT came FROM {_CHANGED} WHERE held IS NULL)"
        written = self._insert(f"SELECT {came}, {stays} FROM {source} {held}")
        return written + self._insert(f"SELECT {came} FROM {source} WHERE {new}")

    def _insert(self, rows: str) -> int:
        return int(self._row(f"INSERT INTO {qualified(self.target)} BY NAME {rows}")[0])

    def _update(self) -> int:
        sets = ", ".join(f"{identifier(one.in_table)} = s.{identifier(one.in_table)}" for one in self._others)
        update = f"WHEN MATCHED AND ({differ(self._others)}) THEN UPDATE SET {sets}" if sets else ""
        names = ", ".join(identifier(column.in_table) for column in self.columns)
        values = ", ".join(f"s.{identifier(column.in_table)}" for column in self.columns)
        return sum(
            self._row(
                f"MERGE INTO {qualified(self.target)} AS t USING ({rows}) AS s ON ({self._same})"
                f" {update} WHEN NOT MATCHED THEN INSERT ({names}) VALUES ({values})"
            )[0]
            for rows in self._slices()
        )

    def _slices(self) -> Iterator[str]:
        """Queries for the incoming rows; for all at once where a column is called as what counts them."""
        every = f"SELECT * FROM {qualified(self.incoming)}"
        if "rowid" in (column.in_table.lower() for column in self.columns):
            yield every
            return
        end = self._row(f"SELECT coalesce(max(rowid) + 1, 0) FROM {qualified(self.incoming)}")[0]
        for start in range(0, end, _SLICE):
            yield f"{every} WHERE rowid >= {start} AND rowid < {start + _SLICE}"
