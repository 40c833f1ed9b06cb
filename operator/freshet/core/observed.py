"""What a decision about an asset looks at, and what it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from freshet.api.asset import Asset, AssetStatus, RunInFlight
from freshet.api.pipeline import Pipeline
from freshet.core import nodes
from freshet.core.blame import Ancestor
from freshet.core.case import Trouble
from freshet.core.lineage import NEVER_OLD
from freshet.core.outcome import Ended
from freshet.core.policy import Policy
from freshet.core.situation import Due, Waiting

__all__ = ["Decision", "Observed"]


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All that a decision may look at.

    ``data_time`` gives the live data time that a state of the asset would have; ``blame`` the ancestor at fault for
    that, ``still`` the one at fault for content that stands still; ``find`` another asset of the namespace.
    """

    asset: Asset
    pipeline: Pipeline | None
    upstreams: Mapping[str, Asset]
    now: datetime
    ended: Sequence[Ended] = ()
    active: RunInFlight | None = None
    cycle: tuple[str, ...] = ()
    trouble: Trouble | None = None
    described: nodes.Described | None = None
    held: Waiting | None = None
    """What holds back a run that is due: a queue, a budget, a service that does not answer."""
    busy: Callable[[str], bool] = lambda name: False
    find: Callable[[str], Asset | None] = lambda name: None
    data_time: Callable[[Asset], datetime | None] = lambda asset: asset.status.data_time
    blame: Callable[[Asset], Ancestor | None] = lambda asset: None
    still: Callable[[Asset], Ancestor | None] = lambda asset: None

    def told(self, asset: Asset) -> datetime | None:
        """The live data time as it is written: what never grows old has none."""
        at = self.data_time(asset)
        return None if at == NEVER_OLD else at


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to write, what to launch, when to look again. ``recorded`` are the runs that ``status`` takes in."""

    status: AssetStatus
    policy: Policy
    due: Due | None = None
    waiting: Waiting | None = None
    trouble: Trouble | None = None
    wake_at: datetime | None = None
    recorded: tuple[Ended, ...] = ()
