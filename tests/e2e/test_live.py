"""`make demo`, driven from another terminal as README says."""

import re
from pathlib import Path

from tests.e2e.conftest import DemoFactory
from tests.e2e.playing import Demo
from tests.support.waiting import wait_for

from freshet.local.paths import checkout

SOURCE, MODEL, COUNT = "dlt-kaizen-wars-fact-virtual", "stg-kaizen-wars--fact-virtual", "fact-virtual-count"


def test_a_person_watches_it_become_stale_and_loads_again(demo: DemoFactory, tmp_path: Path) -> None:
    shown = demo()
    shown.said("In another terminal")
    shown.shell("kubectl config set-context --current --namespace=kaizen-wars")
    for asset in (SOURCE, MODEL, COUNT):
        shown.shell(f"kubectl wait --for=create asset/{asset} --timeout=120s")
        shown.shell(f"kubectl wait --for=condition=Fresh asset/{asset} --timeout=120s")
    own_pipeline_of_the_readme(shown, folder=tmp_path / "shop")
    shown.shell(f"kubectl wait --for=jsonpath='{{.status.state}}'=Stale asset/{SOURCE} --timeout=200s")
    assert "LagExceeded" in field(shown, SOURCE, "reason")
    before = {asset: field(shown, asset, "version") for asset in (SOURCE, MODEL, COUNT)}
    rows = int(field(shown, COUNT, "rows"))
    shown.shell(f'kubectl annotate --overwrite asset/{SOURCE} freshet.dev/requestedAt="$(date +%s)"')
    for asset in (SOURCE, MODEL, COUNT):
        has_moved(shown, asset, before=before[asset])
    wait_for(lambda: int(field(shown, COUNT, "rows")) > rows, timeout=60, what="the count rises")
    assert "Materialized" in shown.shell(f"kubectl describe asset/{COUNT}")
    metrics = re.search(r"curl -s (\S+)", shown.output())
    assert metrics
    page = re.search(r"in a browser: +(\S+)", shown.output())
    assert page
    assert "<title>freshet lineage</title>" in shown.shell(f"curl -sf --noproxy '*' {page[1]}")
    assert f'asset="{SOURCE}"' in shown.shell(f"curl -sf --noproxy '*' {metrics[1]} | grep ^freshet_asset_state")
    shown.assert_nothing_tells(metrics=metrics[1])
    assert shown.interrupt() == 0, shown.output()
    assert "nothing is left running" in shown.output()
    shown.assert_nothing_runs()


def own_pipeline_of_the_readme(shown: Demo, *, folder: Path) -> None:
    """README's first pipeline, with another folder."""
    text = (checkout() / "README.md").read_text()
    manifest = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert manifest
    folder.mkdir()
    orders, shop = folder / "orders.csv", folder.with_name("shop.yaml")
    orders.write_text("order_id,customer,amount\n1,ada,12.50\n2,grace,7.00\n3,ada,3.25\n")
    shop.write_text(manifest[1].replace("/tmp/shop", str(folder)))
    shown.shell(f"kubectl create namespace shop; kubectl apply -n shop --validate=strict -f {shop}")
    shown.shell("kubectl wait -n shop --for=condition=Fresh asset/orders-count --timeout=120s")
    assert field(shown, "orders-count", "rows", namespace="shop") == "3"
    orders.write_text(orders.read_text() + "4,alan,1.00\n")
    shown.shell('kubectl annotate -n shop --overwrite asset/orders freshet.dev/requestedAt="$(date +%s)"')
    shown.shell("kubectl wait -n shop --for=jsonpath='{.status.rows}'=4 asset/orders-count --timeout=120s")
    shown.shell(f"kubectl delete -n shop -f {shop}")
    wait_for(lambda: not shown.shell("kubectl get -n shop assets,cronjobs,jobs -o name"), timeout=60, interval=1)


def has_moved(shown: Demo, asset: str, *, before: str) -> None:
    """Wait for another version."""
    wait_for(
        lambda: field(shown, asset, "version") != before, timeout=120, interval=0.5, what=f"{asset} has a new version"
    )


def field(shown: Demo, asset: str, name: str, *, namespace: str = "kaizen-wars") -> str:
    """A field of an Asset's status, as kubectl prints it."""
    return shown.shell(f"kubectl get -n {namespace} asset/{asset} -o jsonpath='{{.status.{name}}}'")
