"""freshet's dashboard, as Grafana reads it (freshet.json is written from here: ../generate.py)."""

import json

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model
from manifests.monitoring.grafana.looks import DASHBOARD_UID
from manifests.monitoring.grafana.panels import (
    DATASOURCE,
    alerts,
    figure,
    graph,
    lineage,
    readiness,
    remaining,
    shares,
    timeline,
    whole_table,
)
from manifests.monitoring.grafana.queries import VARIABLES

__all__ = ["dashboard", "dashboard_json"]

ASSET = "{{namespace}}/{{asset}}"
LINEAGE_URL = "http://127.0.0.1:8080"


def dashboard_json() -> str:
    """The file's content."""
    made = dashboard().build()
    for number, panel in enumerate(made.panels or [], start=1):
        panel.id_val = number
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def dashboard() -> build.Dashboard:
    """All of it."""
    made = (
        build.Dashboard("freshet")
        .uid(DASHBOARD_UID)
        .tags(["freshet", "data"])
        .description("What is fresh, what is stale, and why.")
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for name, query in VARIABLES.items():
        made = made.with_variable(_choice(name, query))
    address = build.TextBoxVariable("freshet").label("freshet's address").default_value(LINEAGE_URL)
    made = made.with_variable(address.description("Of the operator's port as your browser reaches it, for links."))
    made = made.link(build.DashboardLink("Lineage").type(model.DashboardLinkType.LINK).url("${freshet}/lineage/"))
    return _outside(_runs(_freshness(_overview(made))))


def _choice(name: str, query: str) -> build.QueryVariable:
    choice = (
        build.QueryVariable(name).label(name.capitalize()).datasource(DATASOURCE).query({"query": query, "refId": name})
    )
    choice = choice.multi(True).include_all(True).all_value(".*").sort(model.VariableSort.ALPHABETICAL_ASC)
    everything = model.VariableOption(text="All", value="$__all", selected=True)
    return choice.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).current(everything)


def _overview(made: build.Dashboard) -> build.Dashboard:
    return (
        made.with_row(build.Row("Overview"))
        .with_panel(figure("Assets", "assets", "All that are selected above."))
        .with_panel(figure("Fresh", "fresh", "Within their limits."))
        .with_panel(figure("Aging", "aging", "Past their warning limits, not stale yet."))
        .with_panel(figure("Stale", "stale", "Older than their limits, or never built.", bad=True))
        .with_panel(figure("Failing", "failing", "Their retries are used up.", bad=True))
        .with_panel(figure("Not ready", "not ready", "Assets and Pipelines whose spec needs a change.", bad=True))
        .with_panel(figure("Under way", "under way", "Being built now."))
        .with_panel(figure("Failed checks", "failed checks", "Of severity error.", bad=True))
        .with_panel(whole_table())
        .with_panel(alerts())
        .with_row(build.Row("Lineage"))
        .with_panel(lineage())
    )


LAG = "In seconds; of the data, or of the newest build where that is judged (freshness.basis: Update)."


def _freshness(made: build.Dashboard) -> build.Dashboard:
    windows = {
        "fresh 1h": f"{ASSET} 1 h",
        "fresh 1d": f"{ASSET} 1 d",
        "fresh 30d": f"{ASSET} 30 d",
        "objective": f"{ASSET} objective",
    }
    lags = {"lag": f"{ASSET} lag", "limit": f"{ASSET} limit"}
    return (
        made.with_row(build.Row("Freshness"))
        .with_panel(shares())
        .with_panel(graph("Lag and limit", lags, LAG, unit="s", span=8))
        .with_panel(remaining())
        .with_panel(timeline())
        .with_row(build.Row("Objective"))
        .with_panel(
            graph(
                "Share of time fresh",
                windows,
                "Over an hour, a day, thirty days; and the objective.",
                unit="percentunit",
                span=24,
            )
        )
    )


def _runs(made: build.Dashboard) -> build.Dashboard:
    quantiles = {"run p50": "{{executor}} p50", "run p95": "{{executor}} p95"}
    latency = {"trigger p50": "p50", "trigger p99": "p99"}
    return (
        made.with_row(build.Row("Runs"))
        .with_panel(
            graph("Outcomes", {"outcomes": "{{executor}} {{outcome}}"}, "Runs that ended.", unit="none", stacked=True)
        )
        .with_panel(graph("Durations", quantiles, "Dots name runs (exemplars).", unit="s", exemplars=True))
        .with_panel(graph("Newest run of each asset", {"newest run": ASSET}, "Seconds that it took.", unit="s"))
        .with_panel(graph("Rows", {"rows": ASSET}, "Of the newest version.", unit="locale"))
        .with_row(build.Row("Propagation"))
        .with_panel(
            graph("Upstream seen → run launched", latency, "The operator's own part of the way.", unit="s", span=8)
        )
        .with_panel(
            graph("A visit, p99", {"reconcile p99": "{{kind}}"}, "Of a reconciler to one object.", unit="s", span=8)
        )
        .with_panel(graph("Objects that wait for a visit", {"queue": "waiting"}, "Returns to 0 quickly.", span=4))
        .with_panel(graph("Memory of the operator", {"memory": "{{instance}}"}, "Resident.", unit="bytes", span=4))
    )


def _outside(made: build.Dashboard) -> build.Dashboard:
    codes = {"dbt Cloud requests": "{{code}}"}
    return (
        made.with_row(build.Row("dbt Cloud and warehouse"))
        .with_panel(readiness("dbt Cloud", "dbt Cloud ready", "Whether it answers and has the job."))
        .with_panel(readiness("Warehouse", "warehouse", "Whether the newest load or count reached it."))
        .with_panel(
            graph("Requests to dbt Cloud", codes, "By HTTP status; error or timeout: no answer.", unit="reqps", span=6)
        )
        .with_panel(
            graph("Rows set aside by loads", {"rejected rows": ASSET}, "Of the newest input.", unit="locale", span=6)
        )
        .with_panel(figure("Models built by dbt Cloud", "models built", "In the time that is shown: what it bills."))
        .with_panel(figure("Active replicas", "leader", "1: somebody acts."))
    )
