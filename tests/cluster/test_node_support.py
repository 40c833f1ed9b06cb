"""Pods for the tests of the node agent: made, looked at, waited for."""

from dataclasses import dataclass
from typing import Any

from tests.support.kube import create, get_object, list_objects
from tests.support.waiting import wait_for

from freshet.local.controlplane import LocalCluster

__all__ = ["Pods", "container"]

Object = dict[str, Any]


def container(script: str, *, name: str = "main", **fields: Any) -> Object:
    """A container of some foreign image that runs a shell script on this machine."""
    return {"name": name, "image": "busybox:1", "command": ["sh", "-c", script], **fields}


@dataclass(frozen=True, kw_only=True)
class Pods:
    """The pods of one namespace, on one node if it has a name."""

    cluster: LocalCluster
    namespace: str
    node: str | None = None

    def run(self, name: str, *containers: Object, policy: str = "Never", **spec: Any) -> Object:
        """Create a pod."""
        body: Object = {"restartPolicy": policy, "containers": list(containers), **spec}
        body.setdefault("terminationGracePeriodSeconds", 2)
        body.setdefault("automountServiceAccountToken", False)
        if self.node:
            body["nodeName"] = self.node
        return create(self.cluster, "pods", namespace=self.namespace, body={"metadata": {"name": name}, "spec": body})

    def get(self, name: str) -> Object | None:
        return get_object(self.cluster, "pods", namespace=self.namespace, name=name)

    def until(self, name: str, *phases: str, timeout: float = 30) -> Object:
        """The pod once it is in one of the phases."""

        def reached() -> Object | None:
            pod = self.get(name)
            return pod if pod and pod["status"].get("phase") in phases else None

        found = wait_for(reached, timeout=timeout, what=f"pod {name} is {' or '.join(phases)}")
        assert found is not None
        return found

    def waiting(self, name: str, reason: str) -> Object:
        """The pod's waiting state once its first container waits for this reason."""

        def reached() -> Object | None:
            statuses = (self.get(name) or {}).get("status", {}).get("containerStatuses") or [{}]
            state: Object = statuses[0].get("state", {}).get("waiting", {})
            return state if state.get("reason") == reason else None

        found = wait_for(reached, what=f"pod {name} waits: {reason}")
        assert found is not None
        return found

    def ended(self, name: str) -> Object:
        """The ``terminated`` state of the first container of a pod that has ended."""
        pod = self.until(name, "Succeeded", "Failed")
        state: Object = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        return state

    def gone(self, name: str) -> None:
        wait_for(lambda: self.get(name) is None, what=f"pod {name} is gone")

    def delete(self, name: str) -> None:
        self.cluster.http.delete(f"/api/v1/namespaces/{self.namespace}/pods/{name}").raise_for_status()

    def logs(self, name: str, *options: str) -> str:
        return self.cluster.kubectl("logs", "-n", self.namespace, name, *options)

    def event(self, name: str, reason: str) -> Object:
        """The pod's Event with that reason, once there is one."""

        def found() -> Object | None:
            events = list_objects(self.cluster, "events", namespace=self.namespace)
            matching = (e for e in events if e["involvedObject"]["name"] == name and e["reason"] == reason)
            return next(matching, None)

        event = wait_for(found, what=f"Event {reason} of pod {name}")
        assert event is not None
        return event

    def condition(self, name: str, kind: str, status: str) -> Object:
        """The pod's condition of that type, once it has that status."""

        def found() -> Object | None:
            conditions = ((self.get(name) or {}).get("status") or {}).get("conditions") or ()
            return next((each for each in conditions if (each["type"], each["status"]) == (kind, status)), None)

        condition = wait_for(found, what=f"pod {name} has {kind}={status}")
        assert condition is not None
        return condition

    def configure(self, plural: str, name: str, **data: str) -> None:
        """Create a ConfigMap or a Secret."""
        key = "stringData" if plural == "secrets" else "data"
        create(self.cluster, plural, namespace=self.namespace, body={"metadata": {"name": name}, key: data})
