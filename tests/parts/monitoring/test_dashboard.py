"""What is committed follows from its source, and Grafana's own schema knows every field of the dashboard."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
from manifests.monitoring.generate import FOLDER, outputs
from manifests.monitoring.grafana.looks import RANKS
from manifests.monitoring.grafana.queries import QUERIES, VARIABLES

from freshet.metrics import STATES

JSON = FOLDER / "grafana" / "freshet.json"


@pytest.fixture
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(JSON.read_text())
    return found


def targets(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield from panel.get("targets", ())


@pytest.mark.parametrize("path", outputs(), ids=lambda path: path.name)
def test_what_is_committed_is_what_its_source_says(path: Any) -> None:
    assert path.read_text() == outputs()[path], "run python manifests/monitoring/generate.py"


def test_the_resource_of_the_prometheus_operator_holds_the_same_rules() -> None:
    resource = yaml.safe_load((FOLDER / "prometheusrule.yaml").read_text())
    assert resource["spec"] == yaml.safe_load((FOLDER / "rules.yaml").read_text())


def test_the_schema_of_grafana_knows_every_field(dashboard: dict[str, Any]) -> None:
    register_default_plugins()
    read = json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))
    assert list(lost(dashboard, read)) == []


def lost(given: Any, read: Any, path: str = "") -> Iterator[str]:
    """What the schema's classes dropped or changed when they read it; defaults that they add are no loss."""
    if isinstance(given, dict) and isinstance(read, dict):
        for key, value in given.items():
            yield from lost(value, read.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for place, (value, other) in enumerate(zip(given, read, strict=True)):
            yield from lost(value, other, f"{path}[{place}]")
    elif given != read:
        yield path


def test_every_query_has_a_panel_and_every_panel_its_datasource(dashboard: dict[str, Any]) -> None:
    assert {target["expr"] for target in targets(dashboard)} == set(QUERIES.values())
    assert {target["datasource"]["uid"] for target in targets(dashboard)} == {"${datasource}"}
    for panel in dashboard["panels"]:
        references = [target["refId"] for target in panel.get("targets", ())]
        assert len(references) == len(set(references)), panel["title"]


def test_every_panel_says_what_it_shows(dashboard: dict[str, Any]) -> None:
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels if not panel.get("description", "").endswith(".")] == []
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_no_panel_lies_on_another(dashboard: dict[str, Any]) -> None:
    fields = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard["panels"]
        for x, y in itertools.product(range(panel["gridPos"]["w"]), range(panel["gridPos"]["h"]))
    ]
    assert len(fields) == len(set(fields))
    assert max(x for x, _ in fields) < 24


def test_every_state_has_a_rank_and_colour(dashboard: dict[str, Any]) -> None:
    assert set(RANKS) == set(STATES)
    (timeline,) = [panel for panel in dashboard["panels"] if panel["type"] == "state-timeline"]
    mapped = timeline["fieldConfig"]["defaults"]["mappings"][0]["options"]
    assert {option["text"]: int(value) for value, option in mapped.items()} == RANKS
    assert all(option["color"] for option in mapped.values())


def test_names_in_queries_and_links_are_variables_or_fields(dashboard: dict[str, Any]) -> None:
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    assert known == {"datasource", "freshet", *VARIABLES}
    used = set(re.findall(r"\$\{?([a-z_]\w*)", JSON.read_text()))
    assert used - known == {"__rate_interval", "__range", "__data", "__url_time_range", "__all"}
    fields = set(re.findall(r"__data\.fields\.(\w+)", JSON.read_text()))
    assert fields == {"namespace", "pipeline", "asset", "runs", "run", "id"}


def test_links_lead_to_the_lineage_page_and_to_dbt_cloud(dashboard: dict[str, Any]) -> None:
    links = [
        link["url"]
        for panel in dashboard["panels"]
        for override in panel.get("fieldConfig", {}).get("overrides", ())
        for shown in override["properties"]
        if shown["id"] == "links"
        for link in shown["value"]
    ]
    assert any(url.startswith("${freshet}/lineage/?asset=") for url in links)
    assert "${__data.fields.runs}${__data.fields.run}" in links


def test_the_sidecar_of_grafana_finds_the_dashboard() -> None:
    made = yaml.safe_load((FOLDER / "grafana" / "kustomization.yaml").read_text())["configMapGenerator"][0]
    assert made["options"]["labels"] == {"grafana_dashboard": "1"}
    assert made["files"] == ["freshet.json"]
