"""The panels, each a function that returns its builder: what it shows stands in its description."""

from typing import Any

from grafana_foundation_sdk.builders import common, nodegraph, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from manifests.monitoring.grafana import looks
from manifests.monitoring.grafana.queries import QUERIES

__all__ = [
    "DATASOURCE",
    "alerts",
    "figure",
    "graph",
    "lineage",
    "readiness",
    "remaining",
    "shares",
    "timeline",
    "whole_table",
]

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
ASSET = "{{namespace}}/{{asset}}"


def _now(name: str, ref: str) -> Dataquery:
    query = Dataquery().expr(QUERIES[name]).instant().format(PromQueryFormat.TABLE).ref_id(ref).datasource(DATASOURCE)
    return query.legend_format("__auto")


def _over_time(name: str, legend: str) -> Dataquery:
    query = Dataquery().expr(QUERIES[name]).range().ref_id(name.replace(" ", "_")).datasource(DATASOURCE)
    return query.legend_format(legend)


def _transform(id: str, **options: Any) -> model.DataTransformerConfig:
    return model.DataTransformerConfig(id_val=id, options=options)


def figure(title: str, query: str, description: str, *, bad: bool = False, span: int = 3) -> stat.Panel:
    """One number; red as soon as there is one where there should be none."""
    thresholds = (
        looks.of_limit(warn=1, bad=1) if bad else build.ThresholdsConfig().steps([model.Threshold(color="blue")])
    )
    panel = stat.Panel().title(title).description(description).datasource(DATASOURCE).height(4).span(span)
    return panel.with_target(_now(query, "A")).thresholds(thresholds).graph_mode(cm.BigValueGraphMode.NONE)


def whole_table() -> table.Panel:
    """All assets, the worst first, with links to lineage and dbt Cloud."""
    columns = {
        "A": "state",
        "B": "lag",
        "C": "limit",
        "D": "stale in",
        "E": "since update",
        "F": "rows",
        "G": "fresh 30d",
        "H": "dbt run",
    }
    names = {f"Value #{ref}": name for ref, name in columns.items()}
    order = [
        "asset",
        "Value #A",
        "Value #B",
        "Value #C",
        "Value #D",
        "Value #E",
        "Value #F",
        "Value #G",
        "run",
        "pipeline",
    ]
    panel = (
        table.Panel()
        .title("Assets, the worst first")
        .description(
            "State, age of the data against its limit, in how long it is stale if nothing newer comes (below 0 it is), "
            "rows, and the share of thirty days that each was fresh."
        )
        .datasource(DATASOURCE)
        .height(10)
        .span(24)
        .filterable(True)
        .transformations(
            [
                _transform("merge"),
                _transform(
                    "organize",
                    excludeByName={"Time": True, "Value #H": True},
                    indexByName={name: place for place, name in enumerate(order)},
                    renameByName=names,
                ),
            ]
        )
        .sort_by([common.TableSortByFieldState().display_name("state").desc(True)])
    )
    for ref, name in columns.items():
        panel = panel.with_target(_now(name, ref))
    return _dressed(panel)


def _dressed(panel: table.Panel) -> table.Panel:
    coloured = {"type": "color-background", "mode": "basic"}
    state = looks.cell(custom_cellOptions=coloured, mappings=_encoded(looks.states()), custom_width=110)
    panel = panel.override_by_name("state", state)
    panel = panel.override_by_name("asset", [looks.link("Lineage", "Only this asset")])
    for name in ("namespace", "pipeline"):
        panel = panel.override_by_name(name, [looks.link(f"Only this {name}")])
    panel = panel.override_by_name("run", [looks.link("dbt Cloud run"), *looks.cell(displayName="dbt Cloud run")])
    for name in ("lag", "limit", "stale in", "since update"):
        panel = panel.override_by_name(name, looks.cell(unit="s"))
    panel = panel.override_by_name("rows", looks.cell(unit="locale"))
    panel = panel.override_by_name("fresh 30d", looks.cell(unit="percentunit", decimals=2))
    return panel.override_by_name("runs", looks.hidden())


def _encoded(mappings: list[Any]) -> list[Any]:
    return [
        mapping.to_json() | {"options": {k: v.to_json() for k, v in mapping.options.items()}} for mapping in mappings
    ]


def alerts() -> table.Panel:
    """What fires, with its runbook in Alertmanager."""
    return (
        table.Panel()
        .title("Alerts that fire")
        .description("Each has a runbook: the link of its name.")
        .datasource(DATASOURCE)
        .height(6)
        .span(24)
        .no_value("None")
        .with_target(_now("alerts", "A"))
        .transformations(
            [
                _transform(
                    "organize",
                    excludeByName={
                        "Time": True,
                        "Value": True,
                        "__name__": True,
                        "alertstate": True,
                    },
                )
            ]
        )
        .override_by_name("asset", [looks.link("Lineage", "Only this asset")])
        .override_by_name("alertname", [looks.link("Runbooks"), *looks.cell(displayName="alert")])
    )


def timeline() -> statetimeline.Panel:
    """What state each asset was in, and when."""
    return (
        statetimeline.Panel()
        .title("States over time")
        .description("One line per asset.")
        .datasource(DATASOURCE)
        .height(9)
        .span(24)
        .with_target(_over_time("state", ASSET))
        .mappings(looks.states())
        .thresholds(looks.by_rank())
        .color_scheme(build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .merge_values(True)
        .show_value(cm.VisibilityMode.NEVER)
        .row_height(0.85)
    )


def graph(
    title: str,
    queries: dict[str, str],
    description: str,
    *,
    unit: str = "short",
    span: int = 12,
    stacked: bool = False,
    exemplars: bool = False,
    floor: float | None = 0,
) -> timeseries.Panel:
    """Lines over time: query → legend."""
    panel = timeseries.Panel().title(title).description(description).datasource(DATASOURCE).height(8).span(span)
    panel = panel.unit(unit) if floor is None else panel.unit(unit).min(floor)
    legend = common.VizLegendOptions().display_mode(cm.LegendDisplayMode.LIST).placement(cm.LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True))
    for name, text in queries.items():
        panel = panel.with_target(_over_time(name, text).exemplar(exemplars))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(cm.StackingMode.NORMAL)).draw_style(cm.GraphDrawStyle.BARS)
        panel = panel.fill_opacity(60)
    return panel


def shares() -> timeseries.Panel:
    """Lag as a share of each asset's limit."""
    panel = graph(
        "Lag against limit",
        {"share of limit": ASSET},
        "The age of the data, or of the update where that is judged, by its limit: from 100 % on it is stale.",
        unit="percentunit",
        span=8,
    )
    return _against(panel, looks.of_limit(warn=0.8, bad=1))


def remaining() -> timeseries.Panel:
    """How long until each asset is stale."""
    panel = graph(
        "Until stale",
        {"stale in": ASSET},
        "How long until the first limit of each asset is passed, of whatever kind it is; below 0 it is stale.",
        unit="s",
        span=8,
        floor=None,
    )
    steps = [model.Threshold(color="red"), model.Threshold(value=0, color="green")]
    return _against(panel, build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps))


def _against(panel: timeseries.Panel, limits: build.ThresholdsConfig) -> timeseries.Panel:
    """Lines over coloured areas."""
    line = common.GraphThresholdsStyleConfig().mode(cm.GraphThresholdsStyleMode.LINE_AND_AREA)
    return panel.thresholds(limits).thresholds_style(line)


def readiness(title: str, query: str, description: str) -> stat.Panel:
    """One coloured field per pipeline."""
    panel = stat.Panel().title(title).description(description).datasource(DATASOURCE).height(8).span(6)
    target = _now(query, "A").format(PromQueryFormat.TIME_SERIES).legend_format("{{namespace}}/{{pipeline}}")
    panel = (
        panel.with_target(target).mappings(looks.up_or_down("up", "down")).color_mode(cm.BigValueColorMode.BACKGROUND)
    )
    return panel.graph_mode(cm.BigValueGraphMode.NONE).text_mode(cm.BigValueTextMode.VALUE_AND_NAME)


def lineage() -> nodegraph.Panel:
    """Assets and what they are built from."""
    return (
        nodegraph.Panel()
        .title("Lineage")
        .description("Coloured by state. The lineage page shows more: what is waiting, why, and the newest runs.")
        .datasource(DATASOURCE)
        .height(14)
        .span(24)
        .with_target(_now("nodes", "nodes"))
        .with_target(_now("edges", "edges"))
        .transformations([_transform("organize", renameByName={"Value #nodes": "color", "Value #edges": "thickness"})])
        .thresholds(looks.by_rank())
        .override_by_name("color", looks.cell(color={"mode": "thresholds"}))
        .override_by_name("id", [looks.link("Lineage of this asset")])
    )
