"""``python -m tests.support.ahead …``: ``freshet …`` by a clock that is so many seconds ahead as AHEAD_FILE says."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from freshet.cli import main
from freshet.runtime import clock, machine

__all__: list[str] = []


class AheadClock(clock.SystemClock):
    """Both readings; the file is read anew each time."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=_ahead())

    def monotonic(self) -> float:
        return super().monotonic() + _ahead()


def _ahead() -> float:
    file = Path(os.environ["AHEAD_FILE"])
    return float(file.read_text()) if file.exists() else 0.0


if __name__ == "__main__":
    machine.SystemClock = AheadClock  # type: ignore[misc]
    main()
