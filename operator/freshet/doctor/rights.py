"""May the operator do what it does? Asked of the API server, right by right, as docs/rbac.md lists them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from freshet.api.names import GROUP
from freshet.doctor.findings import Finding, bad, good, unsure
from freshet.runtime import errors
from freshet.runtime.transport import Transport

__all__ = ["CLUSTER", "LEASE", "NAMESPACES", "RIGHTS", "Account", "Rights", "examine"]

Rights = tuple[tuple[str, str, str], ...]
"""Group, resource, verbs."""
RIGHTS: Rights = (
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
"""In a namespace that is watched."""
CLUSTER: Rights = (("apiextensions.k8s.io", "customresourcedefinitions", "get list watch"),)
NAMESPACES: Rights = (("", "namespaces", "list watch"),)
"""Where all of them are watched."""
LEASE: Rights = (("coordination.k8s.io", "leases", "get create patch"),)
"""In the operator's own namespace."""
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


@dataclass(frozen=True, kw_only=True)
class Question:
    """One verb, where it is needed; ``namespace`` None: in all, or of what has none."""

    group: str
    resource: str
    verb: str
    namespace: str | None
    where: str

    @property
    def what(self) -> str:
        """Such as ``jobs.batch in namespace shop``."""
        return f"{self.resource}.{self.group}".rstrip(".") + f" {self.where}"


async def examine(
    transport: Transport, *, namespace: str | None, account: Account | None, home: str | None
) -> list[Finding]:
    """One finding for all that may be done, one for each resource where something may not.

    ``home`` is the namespace of the operator's Lease; None: it has none.
    """
    who = f"ServiceAccount {account.namespace}/{account.name}" if account else "you"
    asked = list(_questions(namespace=namespace, home=home))
    try:
        answers = await asyncio.gather(*(_may(transport, question, account=account) for question in asked))
    except errors.Refused as error:
        return [unsure("rights", f"they may not be asked for: {error.message}", "leave --account out")]
    missing: dict[str, list[str]] = {}
    for question, allowed in zip(asked, answers, strict=True):
        if not allowed:
            missing.setdefault(question.what, []).append(question.verb)
    if not missing:
        lease = f"with its Lease in namespace {home}" if home else "without a Lease"
        return [good("rights", f"{who} may do all that the operator does {_where(namespace)}, {lease}")]
    remedy = "add it to the operator's role: manifests/base/rbac.yaml, docs/rbac.md"
    if account is None:
        remedy = f"if you are not the operator: freshet doctor --account freshet-system/freshet; else {remedy}"
    return [bad("rights", f"{who} may not {', '.join(verbs)} {what}", remedy) for what, verbs in missing.items()]


def _where(namespace: str | None) -> str:
    return f"in namespace {namespace}" if namespace else "in all namespaces"


def _questions(*, namespace: str | None, home: str | None) -> Iterator[Question]:
    places: list[tuple[Rights, str | None, str]] = [
        (RIGHTS, namespace, _where(namespace)),
        (CLUSTER, None, "in the cluster"),
        (NAMESPACES if namespace is None else (), None, "in the cluster"),
        (LEASE if home else (), home, _where(home)),
    ]
    for rights, within, where in places:
        for group, resource, verbs in rights:
            for verb in verbs.split():
                yield Question(group=group, resource=resource, verb=verb, namespace=within, where=where)


async def _may(transport: Transport, question: Question, *, account: Account | None) -> bool:
    name, _, subresource = question.resource.partition("/")
    attributes = {"group": question.group, "resource": name, "subresource": subresource, "verb": question.verb}
    attributes |= {"namespace": question.namespace} if question.namespace else {}
    kind = "SubjectAccessReview" if account else "SelfSubjectAccessReview"
    spec = {"resourceAttributes": attributes, **(account.subject if account else {})}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    answer = await transport.json("POST", f"{REVIEWS}/{kind.lower()}s", body=body)
    return bool(answer["status"]["allowed"])
