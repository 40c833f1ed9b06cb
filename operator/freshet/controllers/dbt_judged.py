"""What a run of ours came to for one of its models, where dbt's word alone does not tell: a result that was left out, a
word that is not known, a run that was cut short or never began. Pure.
"""

from collections.abc import Sequence

from freshet.api.asset import Asset, Outcome
from freshet.api.pipeline_status import DbtRun
from freshet.controllers.dbt_known import Known, checks_of
from freshet.core.situation import some
from freshet.dbtcloud import model
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.results import StepResults, settle
from freshet.dbtcloud.steps import BUILDS, RETRY, command_of

__all__ = ["NOT_BEGUN", "OUTCOMES", "SUSPENDED", "TIMEOUT", "outcome_of_ours", "strangers"]

OUTCOMES: dict[str, Outcome] = {
    "Success": "Succeeded",
    "PartialSuccess": "Succeeded",
    "Error": "Failed",
    "Skipped": "Skipped",
    "NoOp": "Unchanged",
    "Reused": "Unchanged",
    "Cancelled": "Cancelled",
    "Unknown": "Failed",
}
FELL = ("Error", "Skipped")
TIMEOUT, NOT_BEGUN, SUSPENDED = "Timeout", "NotBegun", "Suspended"
"""First words of the reason for which we cancel a run."""


def strangers(steps: StepResults | None, *, run: model.Run, expected: Sequence[str]) -> str:
    """What the results of a run that succeeded leave open, in one line: words not known, models left out."""
    if steps is None or not run.succeeded:
        return ""
    words: dict[str, list[str]] = {}
    for node in {**settle(results=steps, run=run, expected=expected), **steps.nodes}.values():
        if node.outcome == "Unknown":
            words.setdefault(_untold(node), []).append(node.unique_id)
    return "; ".join(f"{some(names)}: {text}" for text, names in sorted(words.items()))


def outcome_of_ours(known: Known, asset: Asset, node: NodeResult, intent: DbtRun) -> tuple[Outcome, str]:
    """Only the asset's own failure is one: what we cancelled for its time is, what never began to build is not."""
    if known.run.cancelled and node.outcome in ("Cancelled", "Skipped", "Unknown"):
        return _cancelled(known, asset, intent)
    if not known.run.cancelled and not _is_named(known, node) and _fell_above(known, asset):
        return "Skipped", node.message
    if node.outcome == "Unknown" and known.run.succeeded:
        return "Unchanged", _untold(node)
    if not _is_named(known, node) and OUTCOMES[node.outcome] == "Failed" and _never_began(known.run):
        return "Interrupted", f"{known.run.message}; dbt was not started for this model"
    return OUTCOMES[node.outcome], node.message


def _untold(node: NodeResult) -> str:
    """What is said of a result that cannot be read as one."""
    said = f"the status {node.status!r}, which freshet does not know" if node.status else "no status"
    return f"dbt gave {said}: it counts as a look that left the table as it was"


def _cancelled(known: Known, asset: Asset, intent: DbtRun) -> tuple[Outcome, str]:
    """What did not come to its end. Of a run that took too long, only what could have begun is at fault: what has
    another model of the run above it that was not done, or tests that failed, never did.
    """
    why = f"{known.run.message}: {intent.cancelled}" if intent.cancelled else known.run.message
    if not intent.cancelled:
        return "Cancelled", why
    if not intent.cancelled.startswith(TIMEOUT):
        return "Interrupted", why
    if _is_behind(known, asset, intent):
        return "Skipped", f"{why}; it had not begun, since what it reads was not done"
    return "Failed", why


def _is_behind(known: Known, asset: Asset, intent: DbtRun) -> bool:
    above = [upstream for name in asset.spec.upstreams if (upstream := known.find(name)) is not None]
    return any(_is_undone(known, upstream, intent) for upstream in above)


def _is_undone(known: Known, asset: Asset, intent: DbtRun) -> bool:
    """A model of the run of which nothing good is told; a view that is not built is as far as what it shows."""
    if asset.name in intent.passed:
        return _is_behind(known, asset, intent)
    if asset.name not in intent.assets:
        return False
    node = known.node(asset)
    tests = (check for check in checks_of(known, asset) if check.broken)
    return node is None or not node.considered or any(tests)


def _fell_above(known: Known, asset: Asset) -> bool:
    """Has what it waits for failed in this run? dbt v2 leaves out what failed, and what it skips for that."""
    above = [upstream for name in asset.spec.upstreams if name in known.meant and (upstream := known.find(name))]
    nodes = [known.node(upstream) for upstream in above]
    return known.steps is not None and any(_fell(known, node) for node in nodes)


def _fell(known: Known, node: NodeResult | None) -> bool:
    untold = node is None or node.outcome == "Unknown"
    return (untold and not known.run.succeeded) or (node is not None and node.outcome in FELL)


def _is_named(known: Known, node: NodeResult) -> bool:
    return known.steps is not None and node.unique_id in known.steps.nodes


def _never_began(run: model.Run) -> bool:
    """Did it fail before a command that builds could run to its end (a clone, a profile, an earlier step)?"""
    if run.run_steps is None:
        return False
    builds = [step for step in run.run_steps if command_of(step.name) in BUILDS | {RETRY}]
    return not builds or any(not step.ran for step in builds)
