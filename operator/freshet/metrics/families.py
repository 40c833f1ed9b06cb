"""The families ``freshet_asset_*`` that have one number per asset: names, what they say, and where that stands."""

from collections.abc import Callable
from typing import Final

from freshet.api.asset import Asset
from freshet.metrics import values
from freshet.metrics.text import unix

__all__ = ["GAUGES", "LIVE", "NEXT_LOAD", "Value"]

Value = Callable[[Asset], float | None]
GAUGES: tuple[tuple[str, str, Value], ...] = (
    (
        "freshet_asset_last_update_timestamp_seconds",
        "When the newest version of the asset was made (Unix time).",
        lambda asset: unix(asset.status.last_updated_at),
    ),
    (
        "freshet_asset_last_check_timestamp_seconds",
        "When a run last built the asset or found its input unchanged (Unix time).",
        lambda asset: unix(asset.status.last_checked_at),
    ),
    (
        "freshet_asset_objective_ratio",
        "The share of time that the asset shall be fresh; nothing where no limit is set.",
        values.objective,
    ),
    (
        "freshet_asset_ready",
        "1 when the asset is reconciled, 0 when its spec, or what that names, needs a change.",
        values.ready,
    ),
    ("freshet_asset_failing", "1 when the retries of the asset are used up.", values.failing),
    ("freshet_asset_failed_checks", "Checks of severity error that do not hold.", values.failed_checks),
    ("freshet_asset_max_lag_seconds", "The lag that the asset's policy allows.", values.max_lag),
    ("freshet_asset_warn_lag_seconds", "The lag from which on the asset is called aging.", values.warn_lag),
    ("freshet_asset_basis_update", "1 where the newest build is judged, not the data.", values.basis_update),
    (
        "freshet_asset_max_unchanged_seconds",
        "How long the content may stay as it is before the asset is called stale.",
        values.max_unchanged,
    ),
    ("freshet_asset_rows", "Rows of the newest version.", values.rows),
    (
        "freshet_asset_rejected_rows",
        "Rows that were set aside of the input that the newest version was loaded from.",
        values.rejected_rows,
    ),
    (
        "freshet_asset_load_refused",
        "1 when the newest load loaded nothing because of bad rows, keys or text.",
        values.load_refused,
    ),
    (
        "freshet_asset_run_duration_seconds",
        "How long the run that made the newest version took.",
        lambda asset: asset.status.duration_seconds,
    ),
    (
        "freshet_asset_run_started_timestamp_seconds",
        "When the run that is under way was started (Unix time).",
        values.run_started,
    ),
    ("freshet_asset_timeout_seconds", "How long a run of the asset may take.", values.timeout),
    (
        "freshet_asset_dbt_cloud_run",
        "Id of the dbt Cloud run under way, or of the newest that ended.",
        values.dbt_cloud_run,
    ),
)
"""What the asset alone says."""
LIVE: Final = (
    (
        "freshet_asset_fresh",
        "1 while the data is within its limits, 0 when it is not; nothing where no limit is set.",
    ),
    (
        "freshet_asset_data_timestamp_seconds",
        "How recent the data inside the asset is, as of the newest checks of its sources (Unix time).",
    ),
    (
        "freshet_asset_deadline_timestamp_seconds",
        "When the first of the asset's limits is or was passed if nothing newer comes (Unix time).",
    ),
)
"""What follows from the lineage and the clock."""
NEXT_LOAD: Final = (
    "freshet_asset_next_load_timestamp_seconds",
    "When the first load that a source's newest one does not cover is or was due (Unix time).",
)
"""What the asset and its Pipeline say."""
