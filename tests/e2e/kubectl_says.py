"""What kubectl says at a time, and what follows by the words of docs/freshness.md, not by the operator's code."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.playing import Demo

from freshet.api.durations import parse_duration

__all__ = ["Answer", "Name", "Object", "Told", "ask", "condition", "exactly", "seconds", "unix"]

Answer = dict[tuple[str, ...], tuple[float, float]]
"""By labels, from and to; what kubectl knows is a range of one number."""
Name = tuple[str, str]
Object = dict[str, Any]
EXECUTORS = {"Source": "Job", "Count": "Job", "Job": "Job", "DbtCloud": "DbtCloud"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that kubectl answers; ``holder`` has the Lease."""

    at: float
    assets: dict[Name, Object]
    pipelines: dict[Name, Object]
    holder: str

    def each(self, value: Callable[[Object], float | None]) -> Answer:
        """A number of each asset that has it."""
        return exactly({name: value(asset) for name, asset in self.assets.items()})

    def sum(self, value: Callable[[Object], float]) -> Answer:
        """Of all; never 0, which an empty answer would give as well."""
        found = sum(value(asset) for asset in self.assets.values())
        assert found, "the bad day has at least one of everything"
        return {(): (found, found)}

    def kind(self, name: tuple[str, ...]) -> str:
        """How it is made."""
        return str(self.assets[name[0], name[1]]["status"]["kind"])

    def runs(self) -> Iterator[tuple[str, Object]]:
        """Executor and run, of all that are remembered."""
        for asset in self.assets.values():
            for run in asset["status"].get("history", ()):
                if asset["status"]["kind"] in EXECUTORS:
                    yield EXECUTORS[asset["status"]["kind"]], run

    def live(self, name: Name) -> float | None:
        """Its data time; where it is built from an upstream's newest version, as of that one's newest check."""
        status = self.assets[name]["status"]
        if "dataTime" not in status:
            return None
        times = [self._inherited((name[0], above), read) for above, read in status.get("consumed", {}).items()]
        return min(times) if times else unix(status["dataTime"])

    def _inherited(self, upstream: Name, read: Object) -> float:
        newest, live = self.assets[upstream]["status"].get("version"), self.live(upstream)
        return live if read["version"] == newest and live is not None else unix(read["dataTime"])

    def deadline(self, name: Name) -> float | None:
        """When it is, or was, stale. Cron deadlines are at six here, and what is there at seven must be newer."""
        policy, live = self.assets[name]["status"]["policy"], self.live(name)
        if live is None or "schedule" not in policy:
            return live + seconds(policy["maximumLag"]) if live is not None else None
        six = datetime.fromtimestamp(live, UTC).replace(hour=6, minute=0, second=0, microsecond=0)
        due = six if six.timestamp() > live else six + timedelta(days=1)
        return due.timestamp() + seconds(policy["within"])


def ask(shown: Demo) -> Told:
    """What kubectl answers now."""
    items = json.loads(shown.shell("kubectl get assets,fpl -A -o json"))["items"]
    holder = shown.shell("kubectl get -n freshet-system lease/freshet -o jsonpath='{.spec.holderIdentity}'")
    split: dict[str, dict[Name, Object]] = {"Asset": {}, "Pipeline": {}}
    for item in items:
        split[item["kind"]][item["metadata"]["namespace"], item["metadata"]["name"]] = item
    return Told(at=datetime.now().timestamp(), assets=split["Asset"], pipelines=split["Pipeline"], holder=holder)


def exactly(values: dict[Any, float | None]) -> Answer:
    """Where there is a number, that number."""
    return {name: (x, x) for name, x in values.items() if x is not None}


def unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


def condition(item: Object, type: str) -> str | None:
    """Its status."""
    return next((c["status"] for c in item["status"]["conditions"] if c["type"] == type), None)
