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


@dataclass(kw_only=True)
class Groups:
    """Gathers record batches into row groups of a size that a reader can hold."""

    writer: Any
    _held: list[Any] = field(default_factory=list)
    _rows: int = 0
    _bytes: int = 0

    @property
    def _most(self) -> int:
        return max(_BYTES, _OF_COLUMN * len(self.writer.schema))

    def add(self, batch: Any) -> None:
        """A piece of it at a time, if it is more than a row group."""
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
    """``path``, whole once that is left."""
    import pyarrow.parquet as pq

    options = {"compression": "lz4", "use_dictionary": False, "write_statistics": False}
    with pq.ParquetWriter(path, schema, **options) as writer:
        groups = Groups(writer=writer)
        yield groups
        groups.flush()


def batches(source: Any, *, size: int = 65_536, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The rows of ``source``, an open ``pyarrow.parquet.ParquetFile``, at most ``size`` at a time.

    Row group by row group: one reader over all of them holds more with every group, 13 bytes a row (pyarrow 26).
    """
    for group in range(source.num_row_groups):
        yield from source.iter_batches(batch_size=size, row_groups=[group], columns=columns)


def unpacked_size(path: Path) -> int:
    """Bytes of its values, not compressed."""
    import pyarrow.parquet as pq

    found = pq.read_metadata(path)
    return sum(found.row_group(at).total_byte_size for at in range(found.num_row_groups))
