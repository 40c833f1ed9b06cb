"""CSV → DuckDB through the whole of ``freshet ingest``, against DuckDB's own CREATE TABLE AS in the same run.

    python -m tests.bench.ingest [--rows 1000000] [--rounds 5]
    python -m tests.bench.ingest --gigabytes 5     # one such file alone, into DuckDB and the Databricks stand-in

Both sides are processes of their own, from start to exit, in turns, so that imports, dlt and a busy machine count;
medians are compared. Each figure is printed beside its bar, and whether it is met; the last line is one JSON object,
which always has what ``headline`` gives.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.support.process import FreshetProcess
from tests.support.waiting import wait_for

from freshet.local.databricks.server import HTTP_PATH

ROOT = Path(__file__).parents[2]
SMALL = 20_000
LARGE_ROWS = 500_000
LIMIT_SECONDS = 900
WAREHOUSES = ("duckdb", "databricks")
FLOOR = "import sys, duckdb; duckdb.connect(sys.argv[2]).execute('CREATE TABLE t AS FROM read_csv(?)', [sys.argv[1]])"
DLT = """
import sys, dlt, pyarrow.csv
path, host, folder, schema = sys.argv[1:]
where = dlt.destinations.databricks(create_indexes=False, credentials={
    "catalog": "main", "server_hostname": host.removeprefix("http://"), "http_path": "/sql/1.0/warehouses/standin",
    "access_token": "bench", "connection_parameters": {"enable_telemetry": False,
    "_connection_uri": host + "/sql/1.0/warehouses/standin"}})
pipeline = dlt.pipeline("floor", pipelines_dir=folder, destination=where, dataset_name=schema)
rows = dlt.resource(pyarrow.csv.open_csv(path), name="events", write_disposition="replace")
pipeline.run(rows).raise_on_failed_jobs()
"""
"""What dlt alone does: record batches from pyarrow into its databricks destination."""
STAGES = {
    "of that: Python": "pass",
    "of that: Python, DuckDB, Arrow": "import duckdb, pyarrow.csv",
    "of that: Python, DuckDB, Arrow, dlt": "import duckdb, pyarrow.csv, dlt",
    "of that: all imports of a load": "import freshet.workloads.ingest, freshet.workloads.load, dlt",
}
"""Where the time of a small file goes: processes that only import."""
TYPES = {
    "event_id": "BIGINT",
    "player_id": "VARCHAR",
    "event_time": "TIMESTAMPTZ",
    "kind": "VARCHAR",
    "item": "VARCHAR",
    "amount": "BIGINT",
    "balance": "BIGINT",
    "region": "VARCHAR",
    "platform": "VARCHAR",
    "session_id": "VARCHAR",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process: wall seconds, CPU seconds, peak memory in MB."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """``most``: no more than ``limit``, else no less. ``of``: the figure that ``figure`` is divided by."""

    what: str
    figure: str
    limit: float
    of: str = ""
    most: bool = False


FLAT = 1.25
BARS = (
    Bar(what="→ DuckDB, of the rate of its own CTAS", figure="ratio", limit=0.5),
    Bar(what="→ Databricks, of the rate of dlt's Arrow path", figure="databricks_rows_per_s",
        of="databricks_dlt_rows_per_s", limit=1),
    Bar(what="a small file, cold, in seconds", figure="small_file_s", limit=2.5, most=True),
    Bar(what="peak memory of 4 × the rows, in times", figure="peak_mb_4x_rows", of="peak_mb", limit=FLAT, most=True),
    Bar(what="→ DuckDB, peak memory of 10 × the bytes", figure="duckdb_peak_mb", of="duckdb_tenth_peak_mb",
        limit=FLAT, most=True),
    Bar(what="→ Databricks, peak memory of 10 × the bytes", figure="databricks_peak_mb",
        of="databricks_tenth_peak_mb", limit=FLAT, most=True),
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gigabytes", type=float, help="load one file of this size alone, for its peak memory")
    parser.add_argument("--into", choices=WAREHOUSES, action="append", help="with --gigabytes: default both")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        if options.gigabytes:
            found = measure_large(Path(folder), size=int(options.gigabytes * 1e9), into=options.into or WAREHOUSES)
        else:
            found = measure(Path(folder), rows=options.rows, rounds=options.rounds)
        for line in judged(found):
            print(line)
        print(json.dumps(found))


def judged(found: Mapping[str, float | None]) -> Iterator[str]:
    """Each figure that has a bar, beside it. A quotient is of two figures of the same run."""
    yield f"{'figure':<44}{'found':>10}{'bar':>12}"
    for bar in BARS:
        figure, of = found.get(bar.figure), found.get(bar.of) if bar.of else 1
        if figure is not None and of is not None:
            value = figure / of
            met = value <= bar.limit if bar.most else value >= bar.limit
            limit = f"{'≤' if bar.most else '≥'} {bar.limit:g}"
            yield f"{bar.what:<44}{value:>10.2f}{limit:>12}  {'met' if met else 'MISSED'}"


def measure(folder: Path, *, rows: int, rounds: int) -> dict[str, float | None]:
    """All figures, printed as they come."""
    files = {count: generate(folder, count) for count in (SMALL, rows, rows * 4)}
    # The first process of each kind only fills the bytecode and page caches, as building an image does.
    floor(folder, files[SMALL])
    ingest(folder, files[SMALL])
    head()
    big = [rounds_of(folder, files[rows]) for _ in range(rounds)]
    base = show("DuckDB's own CREATE TABLE AS", rows, [one[0] for one in big])
    typed = show("freshet ingest, replace, csv.schema", rows, [one[1] for one in big])
    show("freshet ingest, replace, inferred", rows, [one[2] for one in big])
    show("freshet ingest, merge by key, csv.schema", rows, [one[3] for one in big])
    large = show(f"freshet ingest, {rows * 4:,} rows", rows * 4, [ingest(folder, files[rows * 4], schema=TYPES)])
    small = show(f"freshet ingest, {SMALL:,} rows", SMALL, [ingest(folder, files[SMALL]) for _ in range(rounds)])
    for what, code in STAGES.items():
        show(what, 0, [run([sys.executable, "-c", code], folder) for _ in range(rounds)])
    ours, dlts = databricks(folder, files[rows], rows=rows, rounds=rounds)
    again = show("freshet ingest, unchanged", SMALL, [ingest(folder, files[SMALL], fresh=False) for _ in range(rounds)])
    return headline(rows, base=base, ours=typed, small=small) | {
        "peak_mb_4x_rows": round(large.peak),
        "small_file_cpu_s": round(small.cpu, 2),
        "unchanged_s": round(again.seconds, 2),
        "databricks_rows_per_s": round(rows / ours.seconds),
        "databricks_dlt_rows_per_s": round(rows / dlts.seconds),
    }


def headline(rows: int, *, base: Run, ours: Run | None, small: Run) -> dict[str, float | None]:
    """``base``, ``ours``: of ``rows`` into DuckDB, by itself and by a load; None where none went there."""
    return {
        "rows": rows,
        "rows_per_s": round(rows / ours.seconds) if ours else None,
        "floor_rows_per_s": round(rows / base.seconds),
        "ratio": round(base.seconds / ours.seconds, 3) if ours else None,
        "peak_mb": round(ours.peak) if ours else None,
        "small_file_s": round(small.seconds, 2),
    }


def measure_large(folder: Path, *, size: int, into: Sequence[str]) -> dict[str, float | None]:
    """Loads of a file of ``size`` bytes and of one of a tenth into each warehouse: memory is what it is about."""
    source = generate(folder, LARGE_ROWS)
    found: dict[str, float | None] = {}
    runs: dict[str, Run] = {}
    head()
    for part, mark in ((size // 10, "_tenth"), (size, "")):
        path, rows = repeated(source, size=part)
        for name in into:
            with databricks_server(folder) if name == "databricks" else nullcontext():
                warehouse = {"databricks": {"schema": "large", "catalog": "main"}} if name == "databricks" else None
                runs[name] = one = ingest(folder, path, schema=TYPES, warehouse=warehouse)
            show(f"→ {name}: {rows:,} rows, {path.stat().st_size / 1e9:.2f} GB", rows, [one])
            found |= {f"{name}{mark}_rows_per_s": round(rows / one.seconds), f"{name}{mark}_peak_mb": round(one.peak)}
        found |= {"bytes": path.stat().st_size}
    base = show("DuckDB's own CREATE TABLE AS", rows, [floor(folder, path)])
    small = show(f"freshet ingest, {SMALL:,} rows", SMALL, [ingest(folder, generate(folder, SMALL))])
    return headline(rows, base=base, ours=runs.get("duckdb"), small=small) | found


def repeated(path: Path, *, size: int) -> tuple[Path, int]:
    """A file of at least ``size`` bytes, made of one's rows again and again, and how many they are."""
    target, rows = path.with_name("large.csv"), 0
    with path.open("rb") as source, target.open("wb") as out:
        out.write(source.readline())
        start = source.tell()
        while out.tell() < size:
            source.seek(start)
            shutil.copyfileobj(source, out, 1 << 22)
            rows += LARGE_ROWS
    return target, rows


def rounds_of(folder: Path, path: Path) -> tuple[Run, Run, Run, Run]:
    merge = {"disposition": "merge", "primaryKey": ["event_id"]}
    return (
        floor(folder, path),
        ingest(folder, path, schema=TYPES),
        ingest(folder, path),
        ingest(folder, path, schema=TYPES, write=merge),
    )


def databricks(folder: Path, path: Path, *, rows: int, rounds: int) -> tuple[Run, Run]:
    """Our whole load and dlt's Arrow path, in turns, into the same stand-in; a table that is new each time."""
    pairs: list[tuple[Run, Run]] = []
    with databricks_server(folder) as url:
        for number in range(rounds):
            warehouse = {"databricks": {"schema": f"ours_{number}", "catalog": "main"}}
            ours = ingest(folder, path, schema=TYPES, warehouse=warehouse)
            command = [sys.executable, "-c", DLT, str(path), url, str(folder / f"dlt-{number}"), f"dlt_{number}"]
            pairs.append((ours, run(command, folder)))
    return (
        show("→ Databricks stand-in: freshet ingest", rows, [one[0] for one in pairs]),
        show("→ Databricks stand-in: dlt's Arrow path", rows, [one[1] for one in pairs]),
    )


@contextmanager
def databricks_server(folder: Path) -> Iterator[str]:
    """The URL of the stand-in, which is named in this process' environment as in a pod's.

    A process of its own: Linux counts what the starter of a process has held as that process' peak.
    """
    port = folder / "port"
    arguments = ["local", "databricks", f"--state={folder / 'standin'}", f"--port-file={port}", "--token=bench"]
    server = FreshetProcess(arguments=[*arguments, "--die-with-parent"], log_file=folder / "standin.log")
    server.launch()
    try:
        wait_for(port.exists, what="the stand-in")
        url = f"http://127.0.0.1:{port.read_text().strip()}"
        environ = {"SERVER_HOSTNAME": url, "HTTP_PATH": HTTP_PATH, "TOKEN": "bench"}
        os.environ.update({f"DATABRICKS_{name}": value for name, value in environ.items()})
        yield url
    finally:
        server.stop()
        port.unlink(missing_ok=True)


def generate(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    script = ROOT / "data" / "generate.py"
    subprocess.run(
        [sys.executable, str(script), "--rows", str(rows), "--out", str(path)], check=True, timeout=LIMIT_SECONDS
    )
    return path


def floor(folder: Path, path: Path) -> Run:
    target = folder / "floor.duckdb"
    target.unlink(missing_ok=True)
    return run([sys.executable, "-c", FLOOR, str(path), str(target)], folder)


def ingest(
    folder: Path,
    path: Path,
    *,
    schema: dict[str, str] | None = None,
    write: dict[str, object] | None = None,
    fresh: bool = True,
    warehouse: Mapping[str, object] | None = None,
) -> Run:
    """One load into an empty DuckDB file, or with ``fresh`` False into the one that is there, or into ``warehouse``."""
    target = folder / "freshet.duckdb"
    if fresh and warehouse is None:
        target.unlink(missing_ok=True)
    spec = {
        "asset": "bench",
        "warehouse": warehouse or {"duckdb": {"path": str(target), "schema": "bench"}},
        "table": "events",
        "csv": {"path": str(path), "schema": schema},
        "write": write or {"disposition": "replace"},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return run([sys.executable, "-m", "freshet.workloads", "ingest", "--spec", str(folder / "spec.json")], folder)


def run(command: list[str], folder: Path) -> Run:
    environ = {**os.environ, "TMPDIR": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # a bench calls nobody
    started = time.monotonic()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "log").read_text())
    shutil.rmtree(folder / "spill", ignore_errors=True)
    return Run(seconds=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=_megabytes(usage))


def _megabytes(usage: resource.struct_rusage) -> float:
    """Linux counts ru_maxrss in KiB, macOS in bytes."""
    return usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def head() -> None:
    """Seconds tell little on a machine that is busy otherwise; those of the CPU still do."""
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start")
    print(f"{'what':<44}{'s':>8}{'cpu s':>8}{'rows/s':>12}{'peak MB':>9}", flush=True)


def show(what: str, rows: int, runs: list[Run]) -> Run:
    middle = Run(
        seconds=statistics.median(one.seconds for one in runs),
        cpu=statistics.median(one.cpu for one in runs),
        peak=max(one.peak for one in runs),
    )
    rate = f"{rows / middle.seconds:,.0f}"
    print(f"{what:<44}{middle.seconds:>8.2f}{middle.cpu:>8.2f}{rate:>12}{middle.peak:>9.0f}", flush=True)
    return middle


if __name__ == "__main__":
    main()
