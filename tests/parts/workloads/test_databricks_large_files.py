"""A large file on its way to Databricks: in parts, and in constant memory."""

from pathlib import Path

from freshet.workloads.databricks_incoming import split
from freshet.workloads.parquet import batches


def test_large_files_are_uploaded_in_parts(tmp_path: Path) -> None:
    """The connector reads what it uploads into memory as a whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 50_000
    pq.write_table(pa.table({"v": [f"{at}-{at * 7919}" for at in range(rows)]}), tmp_path / "all.parquet")
    parts = split(tmp_path / "all.parquet", rows=rows, folder=tmp_path, limit=100_000)
    assert len(parts) > 3
    assert sum(count for _, count in parts) == rows
    values = [value for path, _ in parts for value in pq.read_table(path)["v"].to_pylist()]
    assert values == [f"{at}-{at * 7919}" for at in range(rows)]


def test_rows_of_a_large_file_are_handed_on_in_constant_memory(tmp_path: Path) -> None:
    """A reader of pyarrow's over all row groups holds on to what it read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    group = pa.table({"id": range(20_000), "v": [f"{at}-{at * 7919}" for at in range(20_000)]})
    with pq.ParquetWriter(tmp_path / "all.parquet", group.schema, compression="lz4", use_dictionary=False) as writer:
        for _ in range(60):
            writer.write_table(group)
    before, held, rows = pa.total_allocated_bytes(), 0, 0
    with pq.ParquetFile(tmp_path / "all.parquet") as source:
        for batch in batches(source):
            rows += batch.num_rows
            held = max(held, pa.total_allocated_bytes() - before)
    assert rows == 60 * group.num_rows
    assert held < 8 * group.nbytes
