"""How much memory discovery takes of a process for a manifest of 100 MB: read, planned from, and kept.

``measure()`` is for the bench of dbt Cloud; run by itself this prints its figures, the last line as JSON. The child
process does what the operator does with a manifest that has just arrived, and nothing else.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["measure", "write_manifest"]

MODELS = 6000
MEGABYTES = 100
CHILD = """
import json, sys, time
from pathlib import Path
from freshet.api.pipeline import (DbtCloudSpec, Pipeline, PipelineSpec, SecretKeyRef)
from freshet.api.view import Meta
from freshet.controllers.discovery_plan import plan
from freshet.dbtcloud import manifest

def memory(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024

before = memory("VmRSS")
began = time.perf_counter()
read = manifest.load(Path(sys.argv[1]))
spec = DbtCloudSpec(account_id=1, job_id=1, token_secret_ref=SecretKeyRef(name="dbt-cloud"))
made = plan(manifest=read, pipeline=Pipeline(metadata=Meta(name="shop"), spec=PipelineSpec(dbt_cloud=spec)), here=[])
seconds = time.perf_counter() - began
figures = {"models": len(made.found.assets), "before_mb": before, "rss_mb": memory("VmRSS"), "peak_mb": memory("VmHWM")}
print(json.dumps({**figures, "seconds": seconds}))
"""


def write_manifest(path: Path, *, models: int = MODELS, megabytes: float = MEGABYTES) -> None:
    """A manifest as dbt 1.11 writes it, most of it code, as large as that."""
    code = "select * from shop.orders where amount > 0 -- as real projects have it\n"
    times = int(megabytes * 1e6 / models / 2 / len(code))
    nodes = {key: _node(at, code * times) for at in range(models) for key in [f"model.shop.m{at}"]}
    metadata = {"project_name": "shop", "generated_at": "2026-11-24T00:00:00Z"}
    path.write_text(json.dumps({"metadata": metadata, "nodes": nodes, "sources": {}, "exposures": {}, "macros": {}}))


def measure() -> dict[str, Any]:
    """``manifest_mb``, ``rss_mb`` (of the whole process afterwards), ``peak_mb``, ``before_mb``, ``seconds``."""
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as folder:
        path = Path(folder) / "manifest.json"
        write_manifest(path)
        done = subprocess.run([sys.executable, "-c", CHILD, path], capture_output=True, text=True, check=True)
        return {"manifest_mb": path.stat().st_size / 1e6, **json.loads(done.stdout)}


def _node(at: int, code: str) -> dict[str, Any]:
    return {
        "unique_id": f"model.shop.m{at}",
        "name": f"m{at}",
        "resource_type": "model",
        "package_name": "shop",
        "fqn": ["shop", "marts", f"m{at}"],
        "original_file_path": f"models/marts/m{at}.sql",
        "relation_name": f'"shop"."main"."m{at}"',
        "description": "What it is for, in a sentence or two, as people write it where they write anything.",
        "tags": ["nightly"],
        "checksum": {"name": "sha256", "checksum": f"{at:064x}"},
        "config": {"materialized": "table", "meta": {}, "tags": ["nightly"]},
        "depends_on": {"nodes": [f"model.shop.m{at - 1}"] if at else [], "macros": []},
        "columns": {},
        "raw_code": code,
        "compiled_code": code,
    }


def main() -> None:
    """Print the figures."""
    figures = {name: round(value, 2) for name, value in measure().items()}
    for name, value in figures.items():
        print(f"{name:14} {value:>10}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
