"""`make demo ONCE=1`: it ends by itself, tells the truth, and leaves nothing behind."""

import os
import re
import signal

import pytest
from tests.e2e.conftest import DemoFactory
from tests.e2e.playing import Demo
from tests.support.waiting import wait_for

SOURCE, MODEL, COUNT = "dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count"
PATIENCE = 300


def changes(output: str) -> list[tuple[str, str]]:
    """(asset, state) in the order in which they were printed."""
    lines = re.findall(r"^\d\d:\d\d:\d\d  (\S+) +(?:\w+ → )?(\w+)", output, re.MULTILINE)
    return [(asset, state) for asset, state in lines]


@pytest.mark.parametrize("options", [("--once",), ("--once", "--warehouse=databricks")], ids=" ".join)
def test_three_assets_become_fresh_each_from_the_one_before(demo: DemoFactory, options: tuple[str, ...]) -> None:
    shown = demo(*options)
    assert shown.wait(timeout=PATIENCE) == 0, shown.output()
    seen = changes(shown.output())
    order = [seen.index((asset, state)) for asset in (SOURCE, MODEL, COUNT) for state in ("Updating", "Fresh")]
    assert seen.index((COUNT, "Missing")) < seen.index((COUNT, "Updating"))
    # Loading; loaded; only then the model; only then the count.
    assert order == sorted(order), shown.output()
    rows = len(shown.folder.joinpath("data/raw_fact_virtual.csv").read_text().splitlines()) - 1
    assert f"the count of {rows:,} rows equals the CSV's" in shown.output()
    assert "was killed" not in shown.output()
    assert f'asset="{COUNT}"' in shown.exposed, "its metrics are searched for secrets in the end"
    assert all(shown.witness.versions.values()), "so is every version of every object"
    shown.assert_nothing_runs()


def test_an_export_that_was_cut_in_its_last_line_ends_it_with_the_reason(demo: DemoFactory) -> None:
    shown = demo("--once")
    shown.said("Kubernetes: etcd")
    export = shown.folder / "data" / "raw_fact_virtual.csv"
    lines = export.read_text().splitlines()
    export.write_text("\n".join([*lines[:-1], lines[-1].rsplit(",", 2)[0]]) + "\n")
    assert shown.wait(timeout=PATIENCE) not in (0, 130), shown.output()
    last = shown.output().strip().splitlines()[-1]
    assert last.startswith(f"Error: the demo failed. {SOURCE}: "), shown.output()
    assert "BadRows: 1 of 20,025 rows of /data/raw_fact_virtual.csv are bad" in last
    assert f"in line {len(lines)}, column platform: too few columns" in last
    assert "NeverUpdated" not in last
    assert "Traceback" not in shown.output()
    shown.assert_nothing_runs()


def test_a_part_that_dies_ends_it_and_all_the_others(demo: DemoFactory) -> None:
    shown = demo("--once")
    shown.said("dbt Cloud's stand-in")
    os.kill(process_of(shown, "dbt-cloud --port"), signal.SIGKILL)
    assert shown.wait(timeout=60) not in (0, 130), shown.output()
    assert "dbt-cloud ended unexpectedly" in shown.output()
    shown.assert_nothing_runs()


def test_killed_itself_it_takes_everything_along(demo: DemoFactory) -> None:
    shown = demo()
    shown.said("The node and the operator")
    assert wait_for(lambda: "etcd" in " ".join(shown.processes().values()))
    shown.kill()
    shown.assert_nothing_runs()


def process_of(shown: Demo, part: str) -> int:
    """The process of one of its parts, by what its command contains."""
    return next(pid for pid, command in shown.processes().items() if part in command)
