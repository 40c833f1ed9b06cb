"""A parquet file as record batches, read and written in constant memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Groups", "batches", "unpacked_size", "writing"]

_ROWS, _BYTES, _OF_COLUMN = 122_880, 8 << 20, 64 << 10
"""Of a row group: DuckDB's own number of rows, or fewer where they are long or wide, since each thread that reads holds
one; and bytes for each column, so that a wide file has not too many groups.
"""
_DICTIONARY, _WIDE = 64 << 10, 100
"""Bytes of a column's different values in a row group, and columns: of more, no value is looked up among others."""
_SIZE = "freshet.bytes"


@dataclass(kw_only=True)
class Groups:
    """Gathers record batches into row groups of a size that a reader can hold."""

    writer: Any
    size: int = 0
    """Bytes of all values that were added."""
    _held: list[Any] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    @property
    def _most(self) -> int:
        return max(_BYTES, _OF_COLUMN * len(self.writer.schema))

    def add(self, batch: Any) -> None:
        """A piece of it at a time, if it is more than a row group."""
        self.size += batch.nbytes
        step = max(1, self._most * batch.num_rows // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, step):
            self._add(batch.slice(start, step))

    def _add(self, batch: Any) -> None:
        if self._rows + batch.num_rows > _ROWS:
            self.flush()
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._bytes >= self._most or self._rows >= _ROWS:
            self.flush()

    def flush(self) -> None:
        if self._held:
            import pyarrow as pa

            self.writer.write_table(pa.Table.from_batches(self._held), row_group_size=_ROWS)
        self._held, self._rows, self._bytes = [], 0, 0


@contextmanager
def writing(path: Path, schema: Any) -> Iterator[Groups]:
    """``path``, whole once that is left.

    Values that come again and again, if they are few, are written once: DuckDB inserts them faster, then.
    """
    import pyarrow.parquet as pq

    options = {"compression": "lz4", "write_statistics": False, "dictionary_pagesize_limit": _DICTIONARY}
    is_wide = len(schema) > _WIDE
    with pq.ParquetWriter(path, schema.remove_metadata(), use_dictionary=not is_wide, **options) as writer:
        groups = Groups(writer=writer)
        yield groups
        groups.flush()
        writer.add_key_value_metadata({_SIZE: str(groups.size)})


def batches(source: Any, *, size: int = 65_536, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The rows of ``source``, an open ``pyarrow.parquet.ParquetFile``, at most ``size`` at a time.

    Row group by row group: one reader over all of them holds more with every group, 13 bytes a row (pyarrow 26).
    """
    for group in range(source.num_row_groups):
        yield from source.iter_batches(batch_size=size, row_groups=[group], columns=columns)


def unpacked_size(path: Path) -> int:
    """Bytes of its values, as they are in memory, of a file that was written here."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).metadata[_SIZE.encode()])
