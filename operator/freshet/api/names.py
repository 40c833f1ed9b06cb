"""Every name that freshet puts on a Kubernetes object, in one place.

Labels select, annotations inform: nothing here is secret, and each name is part of the API.
"""

from typing import Final

GROUP: Final = "freshet.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

PIPELINES: Final = "pipelines"
ASSETS: Final = "assets"

FIELD_MANAGER: Final = "freshet"

# Labels on what freshet creates (https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/).
LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_COMPONENT: Final = "app.kubernetes.io/component"
LABEL_PART_OF: Final = "app.kubernetes.io/part-of"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "freshet"
LABEL_ASSET: Final = f"{GROUP}/asset"
LABEL_PIPELINE: Final = f"{GROUP}/pipeline"
MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"

# Annotations on a Job: what its run looked at, and why it was started.
ANNOTATION_VERSIONS: Final = f"{GROUP}/versions"
"""JSON object: upstream Asset name → the version that this run considers."""
ANNOTATION_CAUSE: Final = f"{GROUP}/cause"
ANNOTATION_ATTEMPT: Final = f"{GROUP}/attempt"
ANNOTATION_TRIGGER: Final = f"{GROUP}/trigger"
"""The value of ``freshet.dev/requestedAt`` that this run answers."""
ANNOTATION_TICK: Final = f"{GROUP}/tick"
"""The cron tick (RFC 3339) that this run answers."""
ANNOTATION_DEFINITION: Final = f"{GROUP}/definition"
"""Hash of what the Asset materializes and from which upstreams, when the run was launched."""

# Annotations that a person writes on an Asset.
ANNOTATION_REQUESTED_AT: Final = f"{GROUP}/requestedAt"
"""Any new value asks for one run; echoed in ``status.lastHandledTrigger``."""
ANNOTATION_REQUEST: Final = f"{GROUP}/request"
"""JSON options for the requested run."""
ANNOTATION_MATERIALIZED: Final = f"{GROUP}/materialized"
"""External Assets: the version that something else has just built."""
ANNOTATION_DATA_TIME: Final = f"{GROUP}/data-time"
"""External Assets: RFC 3339, how recent the data of that version is."""
ANNOTATION_PRUNE: Final = f"{GROUP}/prune"
"""``disabled`` keeps an Asset whose model vanished."""

# The workload's container: its name, and how the operator talks to it.
CONTAINER: Final = "freshet"
ENV_SPEC: Final = "FRESHET_SPEC"
"""JSON: everything that a workload must know (docs/contract.md)."""
ENV_LAST_RESULT: Final = "FRESHET_LAST_RESULT"
"""JSON: the result that the operator recorded last; lets an unchanged check leave the warehouse asleep."""
ENV_RUN: Final = "FRESHET_RUN"
"""The run's id, for log lines."""
ENV_TERMINATION_LOG: Final = "FRESHET_TERMINATION_LOG"
"""Path of the termination message file."""
TERMINATION_LOG: Final = "/dev/termination-log"

# Annotations that discovery writes on the Assets that it makes.
ANNOTATION_UNIQUE_ID: Final = f"{GROUP}/dbt-unique-id"
"""The dbt node (model, seed, snapshot or source) that the Asset stands for."""
ANNOTATION_APPLIED: Final = f"{GROUP}/applied"
"""Mark of what was applied last: the same again is not sent."""

LIMIT_NAME: Final = 63
