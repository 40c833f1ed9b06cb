"""Are the Secrets there that a Pipeline names, with the keys that are read?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from freshet.api.pipeline import Pipeline
from freshet.doctor.findings import Finding, bad, good

__all__ = ["Need", "judge", "needs"]

PLACEHOLDER = "…"
"""As it stands in the command below, for whoever runs that as it is."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """``keys`` must all be there, and all of one of ``either``."""

    field: str
    secret: str
    keys: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()


def needs(pipeline: Pipeline) -> list[Need]:
    """What the operator and the Pipeline's Jobs read."""
    found, spec = [], pipeline.spec
    if spec.dbt_cloud is not None:
        token = spec.dbt_cloud.token_secret_ref
        found.append(Need(field="dbtCloud.tokenSecretRef", secret=token.name, keys=(token.key,)))
    if spec.dbt_cloud is not None and spec.dbt_cloud.webhook_secret_ref is not None:
        webhook = spec.dbt_cloud.webhook_secret_ref
        found.append(Need(field="dbtCloud.webhookSecretRef", secret=webhook.name, keys=(webhook.key,)))
    if spec.warehouse is not None and spec.warehouse.databricks is not None:
        secret = spec.warehouse.databricks.secret_ref.name
        either = (("token",), ("clientId", "clientSecret"))
        field = "warehouse.databricks.secretRef"
        found.append(Need(field=field, secret=secret, keys=("host", "httpPath"), either=either))
    dlt = spec.warehouse.dlt if spec.warehouse is not None else None
    if dlt is not None and dlt.secret_ref is not None:
        found.append(Need(field="warehouse.dlt.secretRef", secret=dlt.secret_ref.name))
    for source in spec.sources:
        if "secretRef" in source.csv:
            field = f"sources[{source.asset}].csv.secretRef"
            found.append(Need(field=field, secret=source.csv["secretRef"]["name"]))
    return [*found, *_of_jobs(pipeline)]


def _of_jobs(pipeline: Pipeline) -> Iterator[Need]:
    """Kubernetes, not our schema, says what stands in these: a part without a name is its affair."""
    jobs = pipeline.spec.jobs
    for entry in jobs.env:
        if reference := _required((entry.get("valueFrom") or {}).get("secretKeyRef"), "name"):
            keys = (reference["key"],) if reference.get("key") else ()
            yield Need(field="jobs.env", secret=reference["name"], keys=keys)
    for entry in jobs.env_from:
        if reference := _required(entry.get("secretRef"), "name"):
            yield Need(field="jobs.envFrom", secret=reference["name"])
    for entry in jobs.image_pull_secrets:
        if entry.get("name"):
            yield Need(field="jobs.imagePullSecrets", secret=entry["name"])
    for volume in jobs.volumes:
        yield from _of_volume(volume)


def _of_volume(volume: Mapping[str, Any]) -> Iterator[Need]:
    field = f"jobs.volumes[{volume.get('name')}]"
    if reference := _required(volume.get("secret"), "secretName"):
        yield Need(field=field, secret=reference["secretName"], keys=_items(reference))
    for part in (volume.get("projected") or {}).get("sources") or ():
        if reference := _required(part.get("secret"), "name"):
            yield Need(field=field, secret=reference["name"], keys=_items(reference))


def _items(reference: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(item["key"] for item in reference.get("items") or () if item.get("key"))


def _required(reference: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """A reference without which no pod starts."""
    return reference if reference and reference.get(name) and not reference.get("optional") else None


def judge(pipeline: Pipeline, need: Need, secret: Mapping[str, bytes] | None) -> Finding:
    """One Secret, as it was read; None: there is none."""
    subject = f"pipeline {pipeline.namespace}/{pipeline.name}"
    what = f"Secret {need.secret} ({need.field})"
    if secret is None:
        keys = [*need.keys, *(need.either[0] if need.either else ())]
        literals = "".join(f" --from-literal={key}={PLACEHOLDER}" for key in keys)
        remedy = f"kubectl create -n {pipeline.namespace} secret generic {need.secret}{literals}"
        return bad(subject, f"{what} does not exist", remedy)
    missing = [key for key in need.keys if not _is_filled(secret, key)]
    if need.either and not any(all(_is_filled(secret, key) for key in keys) for keys in need.either):
        missing.append(" or ".join(" and ".join(keys) for keys in need.either))
    if missing:
        return bad(subject, f"{what} lacks {', '.join(missing)}", "add it to that Secret, or correct the field")
    return good(subject, f"{what} has what is read")


def _is_filled(secret: Mapping[str, bytes], key: str) -> bool:
    return secret.get(key, b"").decode(errors="replace").strip() not in ("", PLACEHOLDER)
