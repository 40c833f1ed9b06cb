"""May the operator do what it does? Asked of the API server, right by right, as docs/rbac.md lists them."""

import asyncio
from dataclasses import dataclass
from typing import Any

from freshet.api.names import GROUP
from freshet.doctor.findings import Finding, bad, good, unsure
from freshet.runtime import errors
from freshet.runtime.transport import Transport

__all__ = ["RIGHTS", "Account", "examine"]

RIGHTS: tuple[tuple[str, str, str], ...] = (
    (GROUP, "assets", "get list watch create patch delete"),
    (GROUP, "pipelines", "get list watch"),
    (GROUP, "assets/status", "patch"),
    (GROUP, "pipelines/status", "patch"),
    ("batch", "jobs", "get list watch create delete"),
    ("batch", "cronjobs", "get list watch create patch delete"),
    ("", "pods", "get list watch"),
    ("", "secrets", "get"),
    ("", "events", "list create"),
)
"""Group, resource, verbs: those of a namespace that is watched."""
REVIEWS = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A ServiceAccount whose rights are looked at instead of one's own."""

    namespace: str
    name: str

    @property
    def subject(self) -> dict[str, Any]:
        """As a SubjectAccessReview names it."""
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{self.namespace}", "system:authenticated"]
        return {"user": f"system:serviceaccount:{self.namespace}:{self.name}", "groups": groups}


async def examine(transport: Transport, *, namespace: str | None, account: Account | None) -> list[Finding]:
    """One finding for all that may be done, one for each resource where something may not."""
    who = f"ServiceAccount {account.namespace}/{account.name}" if account else "you"
    where = f"in namespace {namespace}" if namespace else "in all namespaces"
    asked = [(group, resource, verb) for group, resource, verbs in RIGHTS for verb in verbs.split()]
    try:
        answers = await asyncio.gather(
            *(_may(transport, right, namespace=namespace, account=account) for right in asked)
        )
    except errors.Refused as error:
        return [unsure("rights", f"they may not be asked for: {error.message}", "leave --account out")]
    missing: dict[str, list[str]] = {}
    for (group, resource, verb), allowed in zip(asked, answers, strict=True):
        if not allowed:
            missing.setdefault(f"{resource}.{group}".rstrip("."), []).append(verb)
    if not missing:
        return [good("rights", f"{who} may do all that the operator does {where}")]
    remedy = "add it to the operator's role: manifests/base/rbac.yaml, docs/rbac.md"
    if account is None:
        remedy = f"if you are not the operator: freshet doctor --account freshet-system/freshet; else {remedy}"
    return [
        bad("rights", f"{who} may not {', '.join(verbs)} {what} {where}", remedy) for what, verbs in missing.items()
    ]


async def _may(
    transport: Transport, right: tuple[str, str, str], *, namespace: str | None, account: Account | None
) -> bool:
    group, resource, verb = right
    name, _, subresource = resource.partition("/")
    attributes = {"group": group, "resource": name, "subresource": subresource, "verb": verb}
    attributes |= {"namespace": namespace} if namespace else {}
    kind = "SubjectAccessReview" if account else "SelfSubjectAccessReview"
    spec = {"resourceAttributes": attributes, **(account.subject if account else {})}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer = await transport.json("POST", f"{REVIEWS}/{kind.lower()}s", body=body)
    return bool(answer["status"]["allowed"])
