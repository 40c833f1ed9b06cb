"""A parquet file without some of its rows, in constant memory however long they are."""

from collections.abc import Iterable
from pathlib import Path

from freshet.workloads.parquet import batches, writing

__all__ = ["write_without"]

_SIZE = 8_192


def write_without(rows: Iterable[int], *, source: Path, target: Path) -> None:
    """``rows``: their numbers, from 0, in order, none twice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = iter(rows)
    next_out, start = next(out, None), 0
    with pq.ParquetFile(source) as file, writing(target, file.schema_arrow) as groups:
        for batch in batches(file, size=_SIZE):
            keep = [True] * batch.num_rows
            while next_out is not None and next_out < start + batch.num_rows:
                keep[next_out - start] = False
                next_out = next(out, None)
            start += batch.num_rows
            groups.add(batch if all(keep) else batch.filter(pa.array(keep, pa.bool_())))
