"""Steps that left no results are taken at their word: what their commands name ended as they did. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from freshet.dbtcloud.commands import built_by
from freshet.dbtcloud.model import Run, RunStatus, RunStep
from freshet.dbtcloud.outcomes import NodeResult
from freshet.dbtcloud.project import Model
from freshet.dbtcloud.steps import line_of

__all__ = ["Silent", "steps_of", "taken_at_its_word"]


@dataclass(frozen=True, kw_only=True)
class Silent:
    """``nodes`` follow their step's own status; what the commands in ``untold`` built is not known."""

    nodes: Mapping[str, NodeResult] = field(default_factory=dict)
    untold: tuple[str, ...] = ()


def taken_at_its_word(
    run: Run, *, steps: Iterable[RunStep], models: Mapping[str, Model], whole: bool, ours: bool = False
) -> Silent:
    """What these steps, which ran and left no results, did: all that their commands name, as each step ended.

    A later step replaces an earlier one; one that was cancelled says nothing. `whole`: the models come from a manifest.
    `ours`: the run is one of ours.
    """
    nodes: dict[str, NodeResult] = {}
    untold: list[str] = []
    for step in steps:
        if step.status == RunStatus.CANCELLED:
            continue
        found = built_by(step.name or "", models=models, whole=whole, ours=ours)
        if found is None:
            untold.append(line_of(step.name))
        nodes |= {key: _node(key, run, step) for key in found or ()}
    return Silent(nodes=nodes, untold=tuple(untold))


def steps_of(run: Run, *, commands: Iterable[str]) -> tuple[RunStep, ...]:
    """The steps of a run that cannot be asked for them any more: those of its trigger, else its job's `commands`."""
    told = run.trigger.steps_override if run.trigger else None
    return tuple(RunStep(name=name, status=run.status) for name in told or commands)


def _node(unique_id: str, run: Run, step: RunStep) -> NodeResult:
    return NodeResult(
        unique_id=unique_id,
        outcome="Success" if step.status == RunStatus.SUCCESS else "Error",
        started_at=run.started_at,
        finished_at=run.finished_at,
        message=f"{run.message}; it left no results",
    )
