"""Colours, units and links: one place, so that a state has one colour everywhere."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model
from manifests.monitoring.grafana.queries import WORST_FIRST

__all__ = [
    "DASHBOARD_UID",
    "DBT_CLOUD",
    "RANKS",
    "by_rank",
    "cell",
    "hidden",
    "link",
    "of_limit",
    "states",
    "up_or_down",
]

DASHBOARD_UID = "freshet"
COLOURS = {
    "Failed": "dark-red",
    "Stale": "red",
    "Missing": "purple",
    "Aging": "orange",
    "Updating": "blue",
    "Suspended": "#808080",
    "Fresh": "green",
}
RANKS = {state: len(WORST_FIRST) - 1 - place for place, state in enumerate(WORST_FIRST)}
LINEAGE = "${freshet}/lineage/?asset=${__data.fields.namespace}/${__data.fields.asset}"
NAMESPACE = (
    f"/d/{DASHBOARD_UID}?${{datasource:queryparam}}&${{__url_time_range}}&var-namespace=${{__data.fields.namespace}}"
)
DBT_CLOUD = "${__data.fields.runs}${__data.fields.run}"
LINKS = {
    "Lineage": LINEAGE,
    "Only this namespace": NAMESPACE,
    "Only this pipeline": NAMESPACE + "&var-pipeline=${__data.fields.pipeline}",
    "Only this asset": NAMESPACE + "&var-asset=${__data.fields.asset}",
    "dbt Cloud run": DBT_CLOUD,
    "Runbooks": "${freshet}/docs/",
    "Lineage of this asset": "${freshet}/lineage/?asset=${__data.fields.id}",
}


def states() -> list[Any]:
    """Ranks as words with their colours."""
    options = {
        str(rank): model.ValueMappingResult(text=state, color=COLOURS[state], index=rank)
        for state, rank in RANKS.items()
    }
    return [model.ValueMap(options=options)]


def up_or_down(up: str, down: str) -> list[Any]:
    """1 and 0 as words."""
    return [
        model.ValueMap(
            options={
                "1": model.ValueMappingResult(text=up, color="green", index=0),
                "0": model.ValueMappingResult(text=down, color="red", index=1),
            }
        )
    ]


def by_rank() -> build.ThresholdsConfig:
    """For what can only be coloured by number."""
    ordered = sorted(RANKS.items(), key=lambda item: item[1])
    steps = [model.Threshold(value=float(rank) if rank else None, color=COLOURS[state]) for state, rank in ordered]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def of_limit(*, warn: float, bad: float, base: str = "green") -> build.ThresholdsConfig:
    """Green, then orange, then red; the other way round with ``base="red"``."""
    last = "green" if base == "red" else "red"
    steps = [
        model.Threshold(color=base),
        model.Threshold(value=warn, color="orange"),
        model.Threshold(value=bad, color=last),
    ]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def link(*titles: str) -> model.DynamicConfigValue:
    """Links of a table's or a node's field."""
    found = [{"title": title, "url": LINKS[title], "targetBlank": not title.startswith("Only")} for title in titles]
    return model.DynamicConfigValue(id_val="links", value=found)


def cell(**properties: Any) -> list[model.DynamicConfigValue]:
    """Overrides of a field: ``custom_width`` stands for ``custom.width``."""
    return [model.DynamicConfigValue(id_val=key.replace("_", ".", 1), value=value) for key, value in properties.items()]


def hidden() -> list[model.DynamicConfigValue]:
    """There for links, not to be seen."""
    return cell(custom_hidden=True)
