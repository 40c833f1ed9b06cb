"""What people should see on the dashboard, by its JSON: order, colours, links, choices, the node graph's fields."""

import json
import re
from typing import Any

import pytest
from manifests.monitoring.generate import FOLDER
from manifests.monitoring.grafana.queries import QUERIES

DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "freshet.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}
WORST_FIRST = ["Failed", "Stale", "Missing", "Aging", "Updating", "Suspended", "Fresh"]
COLOURS = ["dark-red", "red", "purple", "orange", "blue", "#808080", "green"]
TABLE = PANELS["Assets, the worst first"]
NODE_FIELDS = {"id", "title", "subtitle", "mainstat", "secondarystat", "color", "icon", "nodeRadius", "highlighted"}
EDGE_FIELDS = {"id", "source", "target", "mainstat", "secondarystat", "thickness", "color", "highlighted"}
"""Of Grafana's node graph (its documentation, "Data API"); further ones begin with detail__."""


def overrides(panel: dict[str, Any], field: str) -> dict[str, Any]:
    found = [it for it in panel["fieldConfig"]["overrides"] if it["matcher"] == {"id": "byName", "options": field}]
    assert len(found) == 1, field
    return {it["id"]: it["value"] for it in found[0]["properties"]}


def links(panel: dict[str, Any], field: str) -> dict[str, str]:
    return {link["title"]: link["url"] for link in overrides(panel, field)["links"]}


def ranked(mappings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Words and colours by number, the highest first."""
    (mapping,) = mappings
    assert mapping["type"] == "value"
    options = sorted(mapping["options"].items(), key=lambda it: -int(it[0]))
    assert [int(number) for number, _ in options] == [6, 5, 4, 3, 2, 1, 0]
    return [(option["text"], option["color"]) for _, option in options]


def test_the_table_of_states_is_sorted_by_badness_and_coloured() -> None:
    assert TABLE["type"] == "table"
    assert TABLE["options"]["sortBy"] == [{"displayName": "state", "desc": True}]
    state = overrides(TABLE, "state")
    assert state["custom.cellOptions"] == {"type": "color-background", "mode": "basic"}
    assert ranked(state["mappings"]) == list(zip(WORST_FIRST, COLOURS, strict=True))


def test_a_state_has_its_number_in_the_query_and_its_colour_everywhere() -> None:
    numbers = re.findall(r'state="(\w+)"}\) \* (\d)', QUERIES["state"])
    assert sorted(numbers, key=lambda it: -int(it[1])) == [(s, str(6 - n)) for n, s in enumerate(WORST_FIRST)]
    timeline = PANELS["States over time"]["fieldConfig"]["defaults"]
    assert ranked(timeline["mappings"]) == list(zip(WORST_FIRST, COLOURS, strict=True))
    for steps in (timeline["thresholds"], PANELS["Lineage"]["fieldConfig"]["defaults"]["thresholds"]):
        assert [(step["value"] or 0, step["color"]) for step in steps["steps"]] == list(enumerate(COLOURS[::-1]))


@pytest.mark.parametrize(
    ("column", "query", "unit"),
    [
        ("state", "state", None), ("lag", "lag", "s"), ("limit", "limit", "s"), ("stale in", "stale in", "s"),
        ("since update", "since update", "s"), ("rows", "rows", "locale"), ("fresh 30d", "fresh 30d", "percentunit"),
    ],
)  # fmt: skip
def test_each_column_shows_what_it_is_called(column: str, query: str, unit: str | None) -> None:
    (organize,) = [step["options"] for step in TABLE["transformations"] if step["id"] == "organize"]
    shown = {
        name: f"Value #{target['refId']}"
        for target in TABLE["targets"]
        for name in QUERIES
        if QUERIES[name] == target["expr"]
    }
    assert organize["renameByName"][shown[query]] == column
    assert not organize["excludeByName"].get(shown[query])
    assert overrides(TABLE, column).get("unit") == unit
    for target in TABLE["targets"]:
        assert (target["instant"], target["format"]) == (True, "table")


ONLY = "/d/freshet?${datasource:queryparam}&${__url_time_range}&var-namespace=${__data.fields.namespace}"
ASSET_LINKS = {
    "Lineage": "${freshet}/lineage/?asset=${__data.fields.namespace}/${__data.fields.asset}",
    "Only this asset": f"{ONLY}&var-asset=${{__data.fields.asset}}",
}


def test_one_gets_from_an_asset_to_its_lineage_its_dbt_cloud_run_and_to_it_alone() -> None:
    assert links(TABLE, "asset") == links(PANELS["Alerts that fire"], "asset") == ASSET_LINKS
    run = "${__data.fields.runs}${__data.fields.run}"
    assert links(TABLE, "run") == {"dbt Cloud run": run}
    assert links(TABLE, "namespace") == {"Only this namespace": ONLY}
    assert links(TABLE, "pipeline") == {"Only this pipeline": f"{ONLY}&var-pipeline=${{__data.fields.pipeline}}"}
    assert links(PANELS["Alerts that fire"], "alertname") == {"Runbooks": "${freshet}/docs/"}
    assert links(PANELS["Lineage"], "id") == {"Lineage of this asset": "${freshet}/lineage/?asset=${__data.fields.id}"}
    (whole,) = DASHBOARD["links"]
    assert whole["url"] == "${freshet}/lineage/"


def test_namespace_pipeline_and_asset_are_chosen_each_within_those_before_it() -> None:
    variables = {it["name"]: it for it in DASHBOARD["templating"]["list"]}
    assert list(variables) == ["datasource", "namespace", "pipeline", "asset", "freshet"]
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    assert (variables["freshet"]["type"], variables["freshet"]["query"]) == ("textbox", "http://127.0.0.1:8080")
    within = 'namespace=~"$namespace"'
    for name, scope in (
        ("namespace", ""),
        ("pipeline", f"{{{within}}}"),
        ("asset", f'{{{within},pipeline=~"$pipeline"}}'),
    ):
        it = variables[name]
        assert it["type"] == "query"
        assert it["query"]["query"] == f"label_values(freshet_asset_state{scope}, {name})"
        assert (it["multi"], it["includeAll"], it["allValue"]) == (True, True, ".*")
        assert it["current"]["value"] == "$__all"
        assert it["refresh"] == 2, "the choices are those of the time that is shown"


def test_what_is_of_assets_follows_the_choice() -> None:
    """The operator's own figures have no such labels, and alerts of all are shown."""
    own = r"freshet_(runs_total|run_duration|trigger|reconcile|queue|leader|build_info|dbt_cloud_)"
    for name, query in QUERIES.items():
        if name != "alerts" and not re.search(own, query):
            assert 'namespace=~"$namespace",pipeline=~"$pipeline"' in query, name
            assert ("freshet_asset_" not in query and ":asset_" not in query) or 'asset=~"$asset"' in query, name


def test_the_node_graph_has_the_fields_that_grafana_knows() -> None:
    panel = PANELS["Lineage"]
    assert panel["type"] == "nodeGraph"
    assert [(target["refId"], target["expr"]) for target in panel["targets"]] == [
        ("nodes", QUERIES["nodes"]),
        ("edges", QUERIES["edges"]),
    ]
    assert all((target["instant"], target["format"]) == (True, "table") for target in panel["targets"])
    (step,) = panel["transformations"]
    assert step["options"]["renameByName"] == {"Value #nodes": "color", "Value #edges": "thickness"}
    assert overrides(panel, "color")["color"] == {"mode": "thresholds"}
    for query, known, needed in (
        ("nodes", NODE_FIELDS, {"id", "title"}),
        ("edges", EDGE_FIELDS, {"id", "source", "target"}),
    ):
        made = set(re.findall(r'\), "(\w+)", "', QUERIES[query]))
        assert {name for name in made if not name.startswith("detail__")} <= known
        assert needed <= made


LISTED = {
    "Assets, the worst first": {"state", "lag", "limit", "stale in", "since update", "rows", "fresh 30d", "dbt run"},
    "Lag against limit": {"share of limit"},
    "Lag and limit": {"lag", "limit"},
    "States over time": {"state"},
    "Share of time fresh": {"fresh 1h", "fresh 1d", "fresh 30d", "objective"},
    "Durations": {"run p50", "run p95"},
    "Outcomes": {"outcomes"},
    "Upstream seen → run launched": {"trigger p50", "trigger p99"},
    "dbt Cloud": {"dbt Cloud ready"},
    "Requests to dbt Cloud": {"dbt Cloud requests"},
    "Warehouse": {"warehouse"},
    "Lineage": {"nodes", "edges"},
}


@pytest.mark.parametrize("title", LISTED)
def test_each_thing_that_was_asked_for_is_shown(title: str) -> None:
    asked = {target["expr"] for target in PANELS[title]["targets"]}
    assert asked == {QUERIES[name] for name in LISTED[title]}
