"""Two pods load one source at once, and stand in each other's way at any statement: the rows are right afterwards.

Each statement of the first pod is a place where the second runs from its beginning to its end, or up to a place of its
own, whereupon the first goes on to its end. A statement stops before it begins, or with its snapshot taken and nothing
committed. ``FRESHET_FULL_MATRIX=1`` (``make matrix``) takes every place, half of them in a table that is new and the
other half in one that is not; else a few are taken.
"""

import os
import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from tests.parts.workloads.exports import OPERATIONS, Rows, put, rejected, rows_of
from tests.parts.workloads.lake import Lake

from freshet.workloads.errors import WorkloadError

LIMIT_SECONDS = 120
WHOLE = bool(os.environ.get("FRESHET_FULL_MATRIX"))
PUBLISH = r"(INSERT|MERGE) (INTO|OVERWRITE) \S+`raw`|CREATE TABLE \S+`raw` AS"


@dataclass
class Pod:
    """``stops``: the number of the statement at which it stops once, and whether that has begun by then. ``within``:
    it stops in the first such statement; ``ahead_of``: before it.
    """

    lake: Lake
    spec: dict[str, Any]
    stops: tuple[int, bool] | None = None
    within: str | None = None
    ahead_of: str | None = None
    seen: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)
    told: dict[str, Any] | None = None
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._load)

    def start(self) -> None:
        """Until it stops, or is done."""
        self._thread.start()
        assert self.stopped.wait(LIMIT_SECONDS)

    def finish(self) -> None:
        self.goes_on.set()
        self._thread.join(LIMIT_SECONDS)
        assert not self._thread.is_alive()
        assert self.error is None or isinstance(self.error, WorkloadError), self.error

    def place(self, statement: str) -> tuple[bool, bool]:
        """Whether it stops before its next statement, and whether in it."""
        at, self.seen = self.seen, self.seen + 1
        if self.within and re.match(self.within, statement):
            self.stops, self.within = (at, True), None
        if self.ahead_of and re.match(self.ahead_of, statement):
            self.stops, self.ahead_of = (at, False), None
        return self.stops == (at, False), self.stops == (at, True)

    def wait(self) -> None:
        self.stopped.set()
        assert self.goes_on.wait(LIMIT_SECONDS)

    def _load(self) -> None:
        try:
            self.told = self.lake.load(**self.spec)
        except Exception as error:
            self.error = error
        finally:
            self.stopped.set()


class Stage:
    """One pod at a time acts."""

    def __init__(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = lake.server.faults.run
        self.acts: Pod | None = None
        monkeypatch.setattr(lake.server.faults, "run", self._asked)

    def _asked(self, statement: str, work: Callable[[Callable[[], None]], Any]) -> Any:
        pod = self.acts
        before, within = pod.place(statement) if pod else (False, False)
        if before and pod:
            pod.wait()
        if not within or pod is None:
            return self._run(statement, work)
        return self._run(statement, lambda begun: work(lambda: (begun(), pod.wait())[0]))

    def play(self, first: Pod, second: Pod, between: Callable[[], Any]) -> None:
        for pod in (first, second):
            self.acts = pod
            pod.start()
            if pod is first:
                between()
        for pod in (first, second):
            self.acts = pod
            pod.finish()
        self.acts = None


def places(lake: Lake, name: str, *, first: bool) -> list[str]:
    """The statements of a load that nobody disturbs."""
    other = Lake(lake.server, folder=lake.folder / "alone", schema=f"{lake.schema}_alone")
    other.folder.mkdir()
    if not first:
        other.load(**put(other, OPERATIONS[name], rows_of(0), 0, bad=True))
    lake.faults()
    other.load(**put(other, OPERATIONS[name], rows_of(1), 1, bad=True))
    return other.asked()


def chosen(statements: list[str], *, seed: str, first: bool) -> list[tuple[tuple[int, bool], tuple[int, bool] | None]]:
    """Where each of the two stops; the second may run to its end."""
    doing = [at for at, text in enumerate(statements) if not text.lstrip().startswith(("SELECT", "OPEN"))]
    publish = next(at for at, text in enumerate(statements) if re.match(PUBLISH, text))
    draw = random.Random(seed)
    every: list[tuple[int, bool]] = [(at, begun) for at in doing for begun in (False, True)]
    pairs: list[tuple[tuple[int, bool], tuple[int, bool] | None]] = [(place, None) for place in every]
    if WHOLE:
        half = [pair for number, pair in enumerate(pairs) if (number + number // 2 + first) % 2]
        return half + [(draw.choice(every), draw.choice(every)) for _ in range(8)]
    near = [place for place in every if place[0] >= publish - 3]
    return [((publish, True), None), draw.choice([draw.choice(pairs), (draw.choice(near), draw.choice(near))])]


def allowed(name: str, held: Rows, *, newer: bool) -> list[Rows]:
    """The rows that may be there in the end. An export that another has followed need not have come."""
    after = OPERATIONS[name].after
    one = after(held, rows_of(1))
    if not newer:
        return [one]
    return [after(one, rows_of(2))] + ([after(held, rows_of(2))] if name == "merge" else [])


def test_bad_rows_of_a_load_that_is_taken_for_lost_are_set_aside_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its input was taken back, so that the second finds nothing new, and tidies up."""
    operation = OPERATIONS["append"]
    lake.load(**put(lake, operation, rows_of(0), 0, bad=True))
    spec = put(lake, operation, rows_of(1), 1, bad=True)
    first, second = Pod(lake, spec, within=PUBLISH), Pod(lake, spec)
    Stage(lake, monkeypatch).play(first, second, between=(lake.folder / "001.csv").unlink)
    assert lake.rows() == sorted(rows_of(0) + rows_of(1))
    assert rejected(lake) == ["x,bad0", "x,bad1"]


def overtaken(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, *, at: str, second: str | None = None, bad: bool = False
) -> None:
    """A pod loads the next export and stops ahead of such a statement; another loads that and one more meanwhile, and
    stops, if at all, ahead of ``second``.
    """
    operation = OPERATIONS[name]
    spec = put(lake, operation, rows_of(1), 1, bad=bad)
    pods = Pod(lake, spec, ahead_of=at), Pod(lake, spec, ahead_of=second)
    Stage(lake, monkeypatch).play(*pods, between=partial(put, lake, operation, rows_of(2), 2, bad=bad))


def test_a_pod_that_is_late_takes_nothing_off_the_record_of_the_load_that_came_before_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There was no table when it looked, so that files of earlier ones might come again: not those taken since."""
    overtaken(lake, monkeypatch, "append", at=r"(DELETE FROM|MERGE INTO) \S+`_freshet_files`")
    lake.load(**put(lake, OPERATIONS["append"], rows_of(3), 3))
    assert lake.rows() == sorted(rows_of(1) + rows_of(2) + rows_of(3))


def test_a_pod_that_is_late_takes_nothing_off_the_record_of_a_file_that_has_grown_since(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it clears away at its end is of loads before its own."""
    grow = OPERATIONS["grow"]
    lake.load(**put(lake, grow, rows_of(0), 0))
    overtaken(lake, monkeypatch, "grow", at=r"DELETE FROM \S+`_freshet_files` .* AND path IN")
    lake.load(**put(lake, grow, rows_of(3), 3))
    assert lake.rows() == sorted(row for number in range(4) for row in rows_of(number))


def test_bad_rows_are_set_aside_once_where_the_file_has_grown_meanwhile(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load of its longer content keeps that of its shorter one from ever publishing."""
    spec = put(lake, OPERATIONS["grow"], rows_of(0), 0, bad=True)
    lake.load(**spec)
    overtaken(lake, monkeypatch, "grow", at=r"MERGE INTO \S+`_freshet_files`", bad=True)
    lake.load(**spec)
    assert lake.rows() == sorted(rows_of(0) + rows_of(1) + rows_of(2))
    assert rejected(lake) == ["x,bad0", "x,bad1", "x,bad2"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_stays_of_a_load_that_would_have_made_the_table_that_another_has_made(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    first, second = r"CREATE TABLE IF NOT EXISTS \S+`_freshet_loads`", r"CREATE TABLE \S+`raw` AS"
    overtaken(lake, monkeypatch, name, at=first, second=second, bad=True)
    assert lake.rows() in allowed(name, [], newer=True)
    assert sorted(rejected(lake))[-1] == "x,bad2"
    assert len(set(rejected(lake))) == len(rejected(lake))
    assert not lake.query("SELECT 1 FROM {_freshet_files} WHERE load_id NOT IN (SELECT load_id FROM {_freshet_loads})")


@pytest.mark.parametrize(
    ("first", "newer"),
    [(False, False), (False, True), (True, True), *([(True, False)] if WHOLE else [])],
    ids=lambda flag: str(flag),
)
@pytest.mark.parametrize("name", OPERATIONS)
def test_two_pods_at_once_leave_exactly_the_right_rows(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str, first: bool, newer: bool
) -> None:
    """Both load the same input, or the second one that has followed meanwhile."""
    operation = OPERATIONS[name]
    statements = places(lake, name, first=first)
    stage = Stage(lake, monkeypatch)
    for number, (one, two) in enumerate(chosen(statements, seed=f"{name}{first}{newer}", first=first)):
        each = Lake(lake.server, folder=lake.folder / str(number), schema=f"{lake.schema}_{number}")
        each.folder.mkdir()
        held: Rows = []
        if not first:
            held = rows_of(0)
            each.load(**put(each, operation, held, 0, bad=True))
        spec = put(each, operation, rows_of(1), 1, bad=True)
        pods = [Pod(each, spec, stops) for stops in (one, two)]
        stage.play(*pods, between=partial(put, each, operation, rows_of(2), 2, bad=True) if newer else int)
        told, found = each.load(**spec), each.rows()
        where = f"{statements[one[0]][:50]!r} {one} {two}"
        print(f"databricks  {name:<9}rows {len(found):>3}  {where}")
        assert found in allowed(name, held, newer=newer), where
        assert told["rows"] == len(found), where
        aside = Counter(rejected(each))
        assert set(aside.values()) == {1}, where
        assert aside.keys() >= {"x,bad2" if newer else "x,bad1"}, where
        assert not any("incoming" in table for table in each.tables()), where
        assert not each.load(**spec)["changed"], where
        each.load(**put(each, operation, rows_of(3), 3))
        assert each.rows() == operation.after(found, rows_of(3)), where
