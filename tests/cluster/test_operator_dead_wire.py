"""A wire to the API server that goes dead without a word, as behind a firewall that has forgotten its connections: what
has become stale and what has changed meanwhile is noticed all the same.
"""

from pathlib import Path
from urllib.parse import urlsplit

import yaml
from tests.support.freshet_objects import Place
from tests.support.operator import running
from tests.support.wire import wire

PATIENCE = 200
"""A watch that has said nothing for 70 seconds is begun anew; without that, it would take five minutes."""


def test_an_operator_whose_connections_are_dead_goes_on(
    place: Place, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    config = yaml.safe_load(operator_kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    with wire(to=urlsplit(cluster["server"]).port or 443) as between:
        cluster["server"] = f"https://127.0.0.1:{between.port}"
        indirect = tmp_path / "kubeconfig"
        indirect.write_text(yaml.safe_dump(config))
        with running(kubeconfig=indirect, folder=tmp_path, namespaces=[place.namespace]):
            for name, limit in (("first", "65s"), ("later", "80s")):
                place.add_asset(name, freshness={"maximumLag": limit})
                place.announce(name, "v1")
            place.add_asset("other")
            place.wait_status("first", state="Stale", timeout=PATIENCE)  # by then the operator has looked at all again
            place.wait_status("later", state="Fresh")
            between.cut()
            place.announce("other", "v1")
            place.wait_status("later", state="Stale", timeout=PATIENCE)
            place.wait_status("other", state="Fresh", timeout=PATIENCE)
