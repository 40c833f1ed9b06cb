"""What a dbt project says of policy, as fields of an Asset: ``meta.freshet`` first, then what dbt itself knows.

``config.freshness.build_after`` becomes ``automation.minInterval``; ``state.require_fresh_data_from`` or
``build_after.updates_on`` becomes ``automation.when``. ``meta.freshet`` has the Asset's own words; those used most may
stand at its top: ``maximumLag``, ``warnLag``, ``when``, ``schedule``, ``timeZone``, ``minInterval``, ``maxWait``,
``requireChecks``, ``onCodeChange``. A key that is not known or of a wrong kind is left out and told.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from freshet.api.durations import parse_duration
from freshet.dbtcloud.project import Model

__all__ = ["Policy", "policy_of", "tolerance"]

AUTOMATION = ("when", "schedule", "timeZone", "minInterval", "maxWait", "requireChecks", "onCodeChange")
FRESHNESS = ("maximumLag", "warnLag")
MAPS = ("automation", "freshness", "retries", "checks")
PLAIN = ("timeout", "dataTime")
FLAGS = ("requireChecks",)
WHEN = {"any": "AnyUpstreamUpdated", "all": "AllUpstreamsUpdated"}
HOURS = {"minute": "m", "hour": "h", "day": "h"}
SPAN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*", re.IGNORECASE)
UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600}
UNITS |= {"d": 86400, "day": 86400, "w": 604800, "week": 604800}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`spec`: the fields of an Asset's spec; `upstreams`: Assets that the model reads without saying so."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    upstreams: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def policy_of(model: Model) -> Policy:
    """What the project says of this model."""
    spec, problems = _declared(model.meta or {})
    own = _from_dbt(model)
    automation = {**own, **spec.get("automation", {})}
    if automation.get("when") != "Cron" and "schedule" not in automation:
        automation.pop("timeZone", None)
    spec = {**spec, **({"automation": automation} if automation else {})}
    if model.kind == "seed":
        spec.setdefault("dataTime", "Static")
    upstreams = (model.meta or {}).get("upstreams")
    if upstreams is not None and not _words(upstreams):
        problems, upstreams = [*problems, "meta.freshet.upstreams must be a list of Asset names"], None
    return Policy(spec=spec, upstreams=tuple(upstreams or ()), problems=tuple(problems))


def tolerance(model: Model) -> timedelta | None:
    """``config.state.lag_tolerance`` (``4h``, ``30 minutes``, ``1d``): how long dbt may answer ``reused``."""
    found = SPAN.fullmatch(model.lag_tolerance or "")
    if found is None:
        return None
    word = found[2].lower()
    size = UNITS.get(word) or UNITS.get(word.removesuffix("s"))
    return timedelta(seconds=float(found[1]) * size) if size else None


def _from_dbt(model: Model) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if model.updates_on in WHEN:
        found["when"] = WHEN[model.updates_on]
    if model.build_after is not None and model.build_after[1] in HOURS and model.build_after[0] > 0:
        count, period = model.build_after
        found["minInterval"] = f"{count * 24 if period == 'day' else count}{HOURS[period]}"
    return found


def _declared(meta: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    spec: dict[str, Any] = {}
    problems: list[str] = []
    for key, value in meta.items():
        if (problem := _judge(key, value)) is not None:
            problems.append(problem)
        elif key in AUTOMATION:
            spec["automation"] = {**spec.get("automation", {}), key: value}
        elif key in FRESHNESS:
            spec["freshness"] = {**spec.get("freshness", {}), key: value}
        elif key in MAPS:
            spec[key] = {**value, **spec.get(key, {})}
        elif key in PLAIN:
            spec[key] = value
    return spec, problems


def _judge(key: str, value: Any) -> str | None:
    """Why this key cannot be used, if it cannot. The CRD judges the rest when the Asset is applied."""
    if key not in (*AUTOMATION, *FRESHNESS, *MAPS, *PLAIN, "upstreams", "asset"):
        return f"meta.freshet.{key} is not known: the Asset's own words are used there"
    if key in MAPS and not isinstance(value, dict):
        return f"meta.freshet.{key} must be a mapping"
    if key in FLAGS and not isinstance(value, bool):
        return f"meta.freshet.{key} must be true or false"
    if key in (*AUTOMATION, *FRESHNESS, *PLAIN) and key not in FLAGS and not isinstance(value, str):
        return f"meta.freshet.{key} must be text"
    if key in (*FRESHNESS, "minInterval", "maxWait", "timeout"):
        return _duration_problem(key, value)
    return None


def _duration_problem(key: str, value: str) -> str | None:
    try:
        parse_duration(value)
    except ValueError as error:
        return f"meta.freshet.{key}: {error}"
    return None


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and word for word in value)
