"""Do dbt Cloud and the warehouse answer, with the Secrets as they are? Asking wakes no warehouse and runs nothing."""

import asyncio
import re
from collections.abc import Iterable, Mapping

import httpx

from freshet.api.asset import Asset
from freshet.api.pipeline import Pipeline
from freshet.core.blame import clock
from freshet.core.warehouse import said
from freshet.dbtcloud.client import DbtCloud
from freshet.dbtcloud.errors import DbtCloudError
from freshet.doctor.findings import Finding, bad, good, unsure

__all__ = ["by_runs", "databricks", "dbt_cloud"]

SECONDS = 20.0
DBT_REMEDY = "freshet runbook dbt-cloud-unreachable"
WAREHOUSE_REMEDY = "freshet runbook warehouse-unreachable"
REFUSED = ("Warehouse", "AuthenticationFailed", "PermissionDenied", "CredentialsMissing", "DriverMissing")
"""How a message begins when the warehouse is there and does not let the run use it (docs/loads.md)."""
NO_WAREHOUSE = "its httpPath is not that of a SQL warehouse (/sql/1.0/warehouses/…), so that it cannot be asked for"
NO_HOST = "the host in the Secret is no server's name, such as dbc-00000000-0000.cloud.databricks.com: it is not asked"
LABEL = r"\w([\w-]{0,61}\w)?"
NAME = re.compile(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*\.?", re.ASCII)
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
GONE = ("DELETED", "DELETING")


async def dbt_cloud(pipeline: Pipeline, secret: Mapping[str, bytes]) -> Finding:
    """Asks for the job."""
    spec, subject = pipeline.spec.dbt_cloud, _subject(pipeline)
    assert spec is not None
    token = secret.get(spec.token_secret_ref.key, b"").decode(errors="replace").strip()
    try:
        async with DbtCloud(host=spec.host, account_id=spec.account_id, token=token) as client:
            await asyncio.wait_for(client.get_job(job_id=spec.job_id), SECONDS)
    except DbtCloudError as error:
        return bad(subject, f"dbt Cloud: {error}", DBT_REMEDY)
    except TimeoutError:
        return bad(subject, f"dbt Cloud at {spec.host} did not answer within {SECONDS:.0f} s", DBT_REMEDY)
    return good(subject, f"dbt Cloud at {spec.host} answers and has job {spec.job_id}")


async def databricks(pipeline: Pipeline, secret: Mapping[str, bytes]) -> Finding:
    """Asks the workspace for the SQL warehouse's state, which does not start it."""
    subject = _subject(pipeline)
    text = {key: value.decode(errors="replace").strip() for key, value in secret.items()}
    host = address(text["host"])
    if host is None:
        return bad(subject, f"Databricks: {NO_HOST}", WAREHOUSE_REMEDY)
    place, _, warehouse = text["httpPath"].rstrip("/").rpartition("/")
    if not place.endswith(("/warehouses", "/endpoints")):
        return unsure(
            subject, f"Databricks at {host}: {NO_WAREHOUSE}", "status.lastRun of its Assets says how runs fare"
        )
    try:
        async with httpx.AsyncClient(base_url=host, timeout=SECONDS, trust_env=True) as http:
            headers = {"Authorization": f"Bearer {text.get('token') or await _token(http, text)}"}
            answer = await http.get(f"/api/2.0/sql/warehouses/{warehouse}", headers=headers)
            answer.raise_for_status()
            state = answer.json().get("state", "unknown")
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        return bad(subject, f"Databricks at {host} answers {code} for {error.request.url.path}", WAREHOUSE_REMEDY)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        return bad(subject, f"Databricks at {host} does not answer ({type(error).__name__})", WAREHOUSE_REMEDY)
    if state in GONE:
        return bad(subject, f"Databricks at {host}: SQL warehouse {warehouse} is {state}", WAREHOUSE_REMEDY)
    return good(subject, f"Databricks at {host} answers; SQL warehouse {warehouse} is {state}")


def address(host: str) -> str | None:
    """``https://`` and the name, as loads and counts read it (``freshet.workloads.databricks_host``), or ``http://``
    and what is on loopback; None where they refuse it.
    """
    found = re.fullmatch("(https?://)?([^/?#]*).*", host, re.IGNORECASE)
    if found is None:
        return None
    if (found[1] or "").lower() == "http://":
        return f"http://{found[2]}" if LOOPBACK.fullmatch(found[2]) else None
    name = found[2].removesuffix(":443")
    return f"https://{name}" if NAME.fullmatch(name) else None


async def _token(http: httpx.AsyncClient, text: Mapping[str, str]) -> str:
    """OAuth, machine to machine."""
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    answer = await http.post("/oidc/v1/token", data=form, auth=(text["clientId"], text["clientSecret"]))
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def by_runs(pipeline: Pipeline, name: str, assets: Iterable[Asset]) -> Finding:
    """A DuckDB file lies on a volume of the Jobs, and the drivers of dlt's destinations are in their image: what their
    newest run found is all that can be said from here, and which that was. A run that ended for another cause, such as
    bad rows, says nothing of it.
    """
    subject, found = _subject(pipeline), said(assets, failures=REFUSED)
    if found is None:
        return unsure(subject, f"{name}: no load or count has opened it yet")
    asset, run = found
    assert run.finished_at is not None
    when = f"{asset.name} at {clock(run.finished_at)}"
    if run.outcome in ("Interrupted", "Failed"):
        return bad(subject, f"{name}: {when} could not use it: {run.message}", WAREHOUSE_REMEDY)
    return good(subject, f"{name}: last used by {when}")


def _subject(pipeline: Pipeline) -> str:
    return f"pipeline {pipeline.namespace}/{pipeline.name}"
