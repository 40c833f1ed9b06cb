"""Whether a container that has ended is started again, and when: pure, the kubelet's rules."""

from dataclasses import dataclass, replace

__all__ = ["BackOff", "is_restarted"]

FIRST_DELAY = 10.0
LONGEST_DELAY = 300.0
FORGIVEN_AFTER = 600.0


def is_restarted(*, policy: str, exit_code: int, init: bool) -> bool:
    """``policy`` is the pod's; an init container that succeeded is done under any of them."""
    if exit_code == 0:
        return policy == "Always" and not init
    return policy in ("Always", "OnFailure")


@dataclass(frozen=True, kw_only=True)
class BackOff:
    """The first restart comes at once; then the wait doubles from ``first`` to ``longest`` seconds."""

    first: float = FIRST_DELAY
    longest: float = LONGEST_DELAY
    delay: float = 0.0
    """How long to wait before the next start."""
    restarts: int = 0

    def after(self, *, ran_for: float) -> "BackOff":
        """The state after a run of so many seconds ended; a run of ten minutes is forgiven everything."""
        restarts = 0 if ran_for >= FORGIVEN_AFTER else self.restarts
        delay = 0.0 if restarts == 0 else min(self.first * 2 ** min(restarts - 1, 30), self.longest)
        return replace(self, delay=delay, restarts=restarts + 1)
