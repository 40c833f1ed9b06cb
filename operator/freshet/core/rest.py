"""Why an asset that is late, and for which nothing is due, is left as it is, where no schedule or wait says so."""

from freshet.api.asset import Asset
from freshet.core.automation import settled
from freshet.core.blame import clock
from freshet.core.lineage import inherits
from freshet.core.situation import Situation, some

__all__ = ["at_rest"]

MOVES = "it is built again when an upstream moves"


def at_rest(situation: Situation) -> str | None:
    """One sentence; None where the reason that it has already says all."""
    asset = situation.asset
    if asset.kind in ("Source", "External"):
        return None
    if not asset.spec.upstreams:
        return "it has no upstreams that could start it: built only when asked, or set automation.when to Cron"
    return _left_behind(situation) or _as_it_was(asset) or _unknown(asset) or _by_its_rows(asset)


def _left_behind(situation: Situation) -> str | None:
    """Others have moved, and it waits for the rest."""
    if situation.policy.when != "AllUpstreamsUpdated" or not situation.moved:
        return None
    left = [name for name in situation.asset.spec.upstreams if name not in settled(situation)]
    return f"waits until {some(left)} is updated, too (automation.when is AllUpstreamsUpdated)" if left else None


def _as_it_was(asset: Asset) -> str | None:
    """A run looked at an upstream's version and left the table (DESIGN §4 rule 9)."""
    status, last = asset.status, asset.status.last_run
    kept = [n for n, seen in status.considered.items() if n in status.consumed and status.consumed[n].version != seen]
    if not kept:
        return None
    when = f" of {clock(last.finished_at)}" if last is not None and last.finished_at is not None else ""
    told = f" ({last.message})" if last is not None and last.message else ""
    return f"its run{when} looked at {some(kept)} and left the table as it was{told}; {MOVES}"


def _unknown(asset: Asset) -> str | None:
    unknown = [name for name in asset.spec.upstreams if name not in asset.status.consumed]
    if asset.status.version is None or not unknown or not inherits(asset):
        return None
    return f"what it has of {some(unknown)} is not known, so its data counts as of its build; {MOVES}"


def _by_its_rows(asset: Asset) -> str | None:
    count = asset.spec.materialize.count
    if count is None or count.data_time_column is None:
        return None
    return f"its newest row is that old by {count.data_time_column}, though it has what its upstreams have"
