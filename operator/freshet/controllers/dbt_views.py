"""Views that are not built to show new data: their upstream's version flows through (``dbtCloud.views: PassThrough``).

Pure. What a view shows is what its upstreams have, so its version is named by theirs.
"""

from collections.abc import Callable
from datetime import datetime

from freshet.api.asset import Consumed
from freshet.api.view import Key
from freshet.core.naming import digest
from freshet.core.outcome import Ended
from freshet.core.situation import Due

__all__ = ["passed_on"]


def passed_on(due: Due, *, live: Callable[[Key], datetime | None], of: Key, now: datetime) -> Ended:
    """The view shows these versions now, without a run."""
    mark = f"view-{digest(due.versions)}"
    return Ended(
        id=mark,
        outcome="Succeeded",
        executor="DbtCloud",
        finished_at=now,
        cause=due.cause,
        message="a view: it shows what its upstreams have, without a run",
        looked_at={
            name: Consumed(version=version, data_time=live(Key("Asset", of.namespace, name)))
            for name, version in due.versions.items()
        },
        version=mark,
        trigger=due.trigger,
        tick=due.tick,
        definition=due.definition,
        passed=True,
    )
