"""Assets, Pipelines and the ends of their runs, in one namespace: what tests of the operator say and look at.

Where no node runs a pod, :meth:`Place.finish` writes the status that a kubelet would: the operator and the Job's
controller see the same, at once. Jobs made here ask for a node that does not exist, so that a node agent of other tests
leaves their pods alone.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.kube import Object, condition, create, get_object, list_objects, merge_patch
from tests.support.operator import OperatorProcess
from tests.support.secrecy import SHORTEST, remember
from tests.support.waiting import wait_for

from freshet.api import names
from freshet.local.controlplane import LocalCluster

__all__ = ["NOWHERE", "YEARLY", "Place", "load_result", "stamp", "user_job"]

NOWHERE = {"freshet.dev/tests": "no-such-node"}
POD_SECONDS = 30.0
YEARLY = "0 0 1 1 *"
"""A schedule that adds no load of its own to those that a test counts."""
OPEN = ("host", "httpPath", "clientId")
"""What a Secret holds that is none: sentences name it."""


def stamp(at: datetime | None = None) -> str:
    """RFC 3339 in UTC with microseconds, as workloads write it; now when left out."""
    return (at or datetime.now(UTC)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def load_result(*, version: str, changed: bool, rows: int = 3, data_time: datetime | None = None) -> Object:
    """What a load leaves as its termination message (docs/contract.md)."""
    now = datetime.now(UTC)
    return {
        "kind": "ingest", "version": version, "changed": changed, "dataTime": stamp(data_time or now),
        "updatedAt": stamp(now), "rows": rows, "rowsIn": rows, "rowsLoaded": rows, "rowsRejected": 0,
        "bytes": 10 * rows, "fingerprint": f"print of {version}", "relation": "shop.raw_orders", "seconds": 0.5,
        "startedAt": stamp(now - timedelta(seconds=0.5)), "finishedAt": stamp(now), "message": f"{rows} rows",
    }  # fmt: skip


def user_job(**pod: Any) -> Object:
    """``materialize`` with a Job whose pod no node takes; ``pod``: further fields of its spec."""
    container = {"name": "work", "image": "nothing", "command": ["true"]}
    spec = {"restartPolicy": "Never", "nodeSelector": NOWHERE, "containers": [container], **pod}
    return {"job": {"template": {"spec": {"template": {"spec": spec}}}}}


@dataclass(frozen=True)
class Place:
    """One namespace of the cluster."""

    cluster: LocalCluster
    namespace: str

    def add_asset(self, name: str, *, materialize: Object | None = None, **spec: Any) -> Object:
        """Create an Asset, external unless told otherwise."""
        body = {"materialize": materialize or {"external": {}}, **spec}
        return create(self.cluster, "assets", namespace=self.namespace, body=_manifest("Asset", name, body))

    def add_pipeline(
        self, name: str = "shop", *, sources: tuple[Object, ...] = (), schedule: str | None = YEARLY, **spec: Any
    ) -> Object:
        """Create a Pipeline on DuckDB whose pods no node takes, unless ``jobs`` says otherwise.

        ``schedule`` None: left out, so that every five minutes the cluster starts a load as well.
        """
        body = {
            "warehouse": {"duckdb": {"path": "/warehouse/shop.duckdb"}},
            "jobs": {"nodeSelector": NOWHERE},
            **({"sources": list(sources)} if sources else {}),
            **({"schedule": schedule} if sources and schedule else {}),
            **spec,
        }
        return create(self.cluster, "pipelines", namespace=self.namespace, body=_manifest("Pipeline", name, body))

    def add_secret(self, name: str, **texts: str) -> None:
        """Create a Secret, whose values except places and names nothing may show."""
        for key, text in texts.items():
            if key not in OPEN and len(text) >= SHORTEST:
                remember(f"{key} of Secret {name}", text)
        body = {"metadata": {"name": name}, "stringData": texts}
        create(self.cluster, "secrets", namespace=self.namespace, body=body)

    def patch(self, plural: str, name: str, body: Object, *, subresource: str = "") -> Object:
        """Merge patch of an object or of its status."""
        return merge_patch(
            self.cluster, plural, namespace=self.namespace, name=name, body=body, subresource=subresource
        )

    def annotate(self, name: str, **notes: str) -> None:
        """Annotate an Asset: names without their ``freshet.dev/``, ``_`` for ``-``."""
        full = {f"{names.GROUP}/{key.replace('_', '-')}": value for key, value in notes.items()}
        self.patch("assets", name, {"metadata": {"annotations": full}})

    def announce(self, name: str, version: str, *, data_time: datetime | None = None) -> None:
        """Something else has built the external asset."""
        times = {"data_time": stamp(data_time)} if data_time else {}
        self.annotate(name, materialized=version, **times)

    def request(self, name: str, value: str) -> None:
        """Ask for a run, as a person does."""
        self.annotate(name, requestedAt=value)

    def delete(self, plural: str, name: str) -> None:
        """Delete an object with all that it owns, in the background."""
        self.cluster.kubectl("delete", plural, name, "-n", self.namespace, "--wait=false")

    def get(self, plural: str, name: str) -> Object:
        """The object, or an empty dict when it does not exist."""
        return get_object(self.cluster, plural, namespace=self.namespace, name=name) or {}

    def all(self, plural: str) -> list[Object]:
        """All of a kind."""
        return list_objects(self.cluster, plural, namespace=self.namespace)

    def status(self, name: str) -> Object:
        """``status`` of an Asset."""
        found: Object = self.get("assets", name).get("status", {})
        return found

    def condition(self, name: str, kind: str, *, plural: str = "assets") -> Object:
        """A condition of an object."""
        return condition(self.get(plural, name), kind)

    def wait_status(
        self, name: str, holds: Callable[[Object], Any] | None = None, *, timeout: float = 30, **equal: Any
    ) -> Object:
        """The status of an Asset once ``holds`` of it and each key of ``equal`` has its value."""
        last: Object = {}

        def reached() -> bool:
            last.clear()
            last.update(self.status(name))
            return all(last.get(key) == value for key, value in equal.items()) and (holds is None or bool(holds(last)))

        try:
            wait_for(reached, timeout=timeout, what=f"asset {name}: {equal or holds}")
        except AssertionError as error:
            raise AssertionError(f"{error}\nits status: {json.dumps(last, indent=1)}") from None
        return dict(last)

    def jobs(self, asset: str) -> list[Object]:
        """The Jobs of an asset, oldest first; those under deletion are left out."""
        selector = f"{names.LABEL_ASSET}={asset}"
        found = list_objects(self.cluster, "jobs", namespace=self.namespace, selector=selector)
        alive = [job for job in found if not job["metadata"].get("deletionTimestamp")]
        return sorted(alive, key=lambda job: (job["metadata"]["creationTimestamp"], job["metadata"]["name"]))

    def open_jobs(self, asset: str) -> list[Object]:
        """Those of them that have not ended."""
        return [job for job in self.jobs(asset) if not _ended(job)]

    def wait_job(self, asset: str, *, timeout: float = 30) -> Object:
        """Its one unfinished Job, once there is one."""
        found = wait_for(lambda: self.open_jobs(asset), timeout=timeout, what=f"a Job of {asset}")
        assert len(found) == 1, [job["metadata"]["name"] for job in found]
        return found[0]

    def pod_of(self, job: Object) -> Object:
        """The Job's pod, once there is one."""
        selector = f"batch.kubernetes.io/job-name={job['metadata']['name']}"

        def pods() -> list[Object]:
            return list_objects(self.cluster, "pods", namespace=self.namespace, selector=selector)

        return wait_for(pods, timeout=POD_SECONDS, what=f"a pod with {selector}")[0]

    def finish(self, job: Object, *, result: Object | None = None, exit_code: int = 0) -> None:
        """End the Job's pod, and return when the Job's controller has seen it."""
        self.end_pod(job, result=result, exit_code=exit_code)
        name = job["metadata"]["name"]
        wait_for(lambda: not (found := self.get("jobs", name)) or _ended(found), what=f"Job {name} has ended")

    def end_pod(self, job: Object, *, result: Object | None = None, exit_code: int = 0) -> None:
        """End the Job's pod as a kubelet would: exit code, and the result as its termination message."""
        pod = self.pod_of(job)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        terminated = {
            "exitCode": exit_code,
            "message": json.dumps(result) if result else "",
            "reason": "Error" if exit_code else "Completed",
            "startedAt": now,
            "finishedAt": now,
        }
        container = pod["spec"]["containers"][0]
        status = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        body = {"status": {"phase": "Failed" if exit_code else "Succeeded", "containerStatuses": [status]}}
        self.patch("pods", pod["metadata"]["name"], body, subresource="status")

    def build(self, asset: str, *, result: Object | None = None, exit_code: int = 0) -> Object:
        """Wait for the asset's next Job, end it, and return it."""
        job = self.wait_job(asset)
        self.finish(job, result=result, exit_code=exit_code)
        return job

    def wait_env(self, cron_job: str, variable: str) -> str:
        """The value of a variable of the CronJob's pods, once it is set."""

        def value() -> str | None:
            job = self.get("cronjobs", cron_job)["spec"]["jobTemplate"]["spec"]
            env = job["template"]["spec"]["containers"][0]["env"]
            return next((entry.get("value") for entry in env if entry["name"] == variable), None)

        return str(wait_for(value, what=f"{variable} in CronJob {cron_job}"))

    def quiet(self, operator: OperatorProcess) -> None:
        """Return when the operator has seen all that happened so far and has nothing left to look at.

        What it watches arrives in order: once it has answered a new Asset, it has seen what came before.
        """
        name = f"canary-{stamp().replace(':', '-').replace('.', '-').lower()}"
        self.add_asset(name)
        self.wait_status(name, state="Missing")
        self.cluster.http.delete(f"/apis/freshet.dev/v1alpha1/namespaces/{self.namespace}/assets/{name}")
        wait_for(lambda: not self.get("assets", name), what=f"{name} is gone")
        wait_for(lambda: operator.sample("freshet_queue_depth") == 0, what="the operator's queue is empty")


def _manifest(kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _ended(job: Object) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
