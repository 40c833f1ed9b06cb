"""A dbt Cloud of one job in memory, for :mod:`tests.support.virtual`: runs take a minute, build what they were told to
build and succeed, unless it ``fails``. It says when it was asked, and can be away in every way that an outage has.
"""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from tests.support.secrecy import DBT_CLOUD_TOKEN
from tests.support.virtual import Clock, Store

__all__ = ["SPEC", "Cloud", "current", "load", "shop"]

TAKES = timedelta(minutes=1)
SPEC: dict[str, Any] = {
    "host": "https://cloud.test",
    "accountId": 1,
    "jobId": 1,
    "tokenSecretRef": {"name": "dbt-cloud", "key": "token"},
    "discovery": {"enabled": False},
}
"""``dbtCloud`` of the Pipeline of :func:`shop`."""
SELECTED = re.compile(r"file:(\w+)")


class Cloud(httpx.AsyncBaseTransport):
    """``away``: how it does not answer; None while it does. ``asked``: every request that came, and when."""

    def __init__(self) -> None:
        self.away: str | None = None
        self.asked: list[tuple[datetime, str]] = []
        self.runs: list[dict[str, Any]] = []
        self.job: dict[str, Any] = {"id": 1, "environment_id": 1, "execute_steps": ["dbt build"]}
        self.lag = timedelta(0)
        """For so long a new run is in no list."""
        self.meant: Callable[[], Any] = dict
        """Looked at when a run is asked for: what it is for."""
        self.answers: list[httpx.Response] = []
        """What it answers, instead of doing it, when it is asked to start runs, one after another."""
        self.refuses = False
        """It answers a trigger by 400, as where steps may not be overridden."""
        self.queued, self.starting, self.takes = timedelta(0), timedelta(0), TAKES
        """How long what is asked for from now on waits in the queue, is starting, and runs."""
        self.names: int | None = None
        """The run that it names, wrongly, when it is next asked to start one."""
        self.causes = "ours"
        """Whose cause it says then: ``ours``, ``nobody's``, or ``theirs`` of the run that it names."""
        self.mistakes = 0
        """The id of a run that has ended is off by so much when it is next asked for."""
        self.fails = False
        """What is begun from now on fails, and each of its models with it."""
        self.never_ends = False
        """A run that is cancelled goes on, in a state that nobody has heard of."""
        self.cancels = 200
        """What it answers to that."""
        self.cancelled = 0
        """How often it was asked to."""
        self.gone: set[int] = set()
        """Runs that it does not know any more."""
        self.hidden: set[int] = set()
        """Runs that are in no list yet."""
        self.broken: dict[str, int] = {}
        """Paths that are answered by an error, and by which."""
        self._clock = Clock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, or not."""
        self.asked.append((self._clock.now(), request.method))
        if self.away == "no connection":
            raise httpx.ConnectError("Connection refused")
        if self.away == "no answer":
            await asyncio.sleep(30)
            raise httpx.ReadTimeout("")
        if self.away == "503":
            return httpx.Response(503, text="<html>down for maintenance</html>")
        if self.away == "429":
            return httpx.Response(429, headers={"Retry-After": "60"}, json={})
        if self.away == "requests are lost" and request.method == "POST":
            raise httpx.ReadError("connection reset")
        answer = self._answer(request)
        if self.away == "answers are lost" and request.method == "POST":
            raise httpx.ReadError("connection reset")
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v2/accounts/1")
        if self.answers and request.method == "POST":
            return self.answers.pop(0)
        if self.refuses and request.method == "POST":
            return httpx.Response(400, json={"status": {"code": 400, "user_message": "no overrides here"}})
        if code := self.broken.get(path):
            return httpx.Response(code, json={"status": {"code": code, "user_message": "oops"}})
        if (found := re.match(r"/runs/(\d+)/", path)) and int(found[1]) in self.gone:
            return httpx.Response(404, json={"status": {"code": 404, "user_message": "not found"}})
        self.cancelled += path.endswith("/cancel/")
        if path.endswith("/cancel/") and self.cancels != 200:
            words = {"code": self.cancels, "user_message": "no"}
            return httpx.Response(self.cancels, json={"status": words})
        routes: dict[str, Callable[..., Any]] = {
            r"POST /jobs/1/run/": self._trigger,
            r"GET /jobs/1/": lambda _: self.job,
            r"GET /runs/": lambda request: [self._shown(run) for run in self.runs if self._listed(run, request)],
            r"GET /runs/(\d+)/": self._one,
            r"POST /runs/(\d+)/cancel/": self._cancel,
        }
        for route, answer in routes.items():
            if found := re.fullmatch(route, f"{request.method} {path}"):
                return httpx.Response(200, json={"status": {"code": 200}, "data": answer(request, *found.groups())})
        if found := re.fullmatch(r"/runs/(\d+)/artifacts/run_results.json", path):
            return httpx.Response(200, json=self._results(self.runs[int(found[1]) - 1]))
        raise AssertionError(f"{request.method} {path} is not known here")

    def _trigger(self, request: httpx.Request) -> dict[str, Any]:
        body = json.loads(request.content)
        made = self._begin(body, meant=self.meant())
        named, self.names = self.names or made["id"], None
        causes = {"ours": made["trigger"], "nobody's": None, "theirs": self.runs[named - 1]["trigger"]}
        return {**self._shown(made), "id": named, "trigger": causes[self.causes]}

    def _one(self, _: httpx.Request, number: str) -> dict[str, Any]:
        shown = self._shown(self.runs[int(number) - 1])
        off, self.mistakes = (self.mistakes, 0) if shown["finished_at"] else (0, self.mistakes)
        return {**shown, "id": shown["id"] + off}

    def start_foreign(self) -> None:
        """Somebody else builds everything."""
        everything = "dbt build --select file:stg file:mart"
        self._begin({"cause": "nightly", "steps_override": [everything]}, meant=None)

    def _begin(self, trigger: dict[str, Any], *, meant: Any) -> dict[str, Any]:
        now, number = self._clock.now(), len(self.runs) + 1
        dequeued, started = now + self.queued, now + self.queued + self.starting
        times = {"at": now, "dequeued": dequeued, "started": started, "ends": started + self.takes}
        self.runs.append(
            {"id": number, "trigger": trigger, "meant": meant, "cancelled": False, "fails": self.fails, **times}
        )
        return self.runs[-1]

    def _cancel(self, _: httpx.Request, number: str) -> dict[str, Any]:
        run, now = self.runs[int(number) - 1], self._clock.now()
        if now < run["ends"] and not self.never_ends:
            run["cancelled"], run["ends"] = True, now
        return self._shown(run)

    def _shown(self, run: dict[str, Any]) -> dict[str, Any]:
        now = self._clock.now()
        done, passed = now >= run["ends"], {key: run[key] <= min(now, run["ends"]) for key in ("dequeued", "started")}
        status = (
            1 + passed["dequeued"] + passed["started"]
            if not done
            else 30
            if run["cancelled"]
            else 20
            if run["fails"]
            else 10
        )
        step = {
            "index": 4,
            "name": f"Invoke dbt with `{run['trigger']['steps_override'][0]}`",
            "status": 20 if run["fails"] else 10,
        }
        return {
            "id": run["id"],
            "job_definition_id": 1,
            "environment_id": 1,
            "status": status,
            "created_at": run["at"].isoformat(),
            "dequeued_at": run["dequeued"].isoformat() if passed["dequeued"] else None,
            "started_at": run["started"].isoformat() if passed["started"] else None,
            "finished_at": run["ends"].isoformat() if done else None,
            "trigger": {**run["trigger"], "cause_category": "api"},
            "run_steps": [step] if done and not run["cancelled"] else [],
        }

    def _listed(self, run: dict[str, Any], request: httpx.Request) -> bool:
        if run["id"] in self.gone | self.hidden:
            return False
        since = request.url.params.get("finished_at__range")
        if since is None:
            return bool(self._clock.now() >= run["at"] + self.lag)
        return bool(self._clock.now() >= run["ends"] >= datetime.fromisoformat(json.loads(since)[0]))

    def _results(self, run: dict[str, Any]) -> dict[str, Any]:
        names = SELECTED.findall(run["trigger"]["steps_override"][0])
        status = "error" if run["fails"] else "success"
        nodes = [{"unique_id": f"model.p.{name}", "status": status, "execution_time": 1.5} for name in names]
        at = run["ends"].astimezone(UTC).isoformat()
        return {"metadata": {"generated_at": at}, "args": {"which": "build"}, "results": nodes}


def shop() -> Store:
    """``mart`` on ``stg`` on ``raw``, of a job in dbt Cloud; a single failure would be the last one."""
    store = Store(secrets={"dbt-cloud": {"token": DBT_CLOUD_TOKEN.encode()}})
    store.put("Pipeline", "shop", {"warehouse": {"duckdb": {"path": "/warehouse/w.duckdb"}}, "dbtCloud": SPEC})
    store.put("Asset", "raw", {"materialize": {"external": {}}})
    for name, upstream in (("stg", "raw"), ("mart", "stg")):
        own = {"retries": {"limit": 0}, "freshness": {"maximumLag": "15m"}, "pipeline": "shop"}
        materialize = {"dbtCloud": {"uniqueId": f"model.p.{name}"}}
        store.put("Asset", name, {"materialize": materialize, "upstreams": [upstream], **own})
    return store


def load(store: Store, version: str) -> None:
    """``raw`` has that version."""
    store.annotate("raw", materialized=version)


def current(store: Store, version: str) -> bool:
    """Are both models built from that load?"""
    stg, mart = store.status("Asset", "stg"), store.status("Asset", "mart")
    return bool(stg["considered"] == {"raw": version} and mart["considered"] == {"stg": stg["version"]})
