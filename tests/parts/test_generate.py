"""The example's data: made again byte by byte from its seed, consistent, and grown without half a line."""

import csv
import itertools
import random
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from data import generate as game

COMMITTED = Path(game.__file__).with_name("raw_fact_virtual.csv")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_consistent(rows: list[dict[str, str]]) -> None:
    """Ids count up, times increase, balances follow from amounts and are never negative, players stay who they are."""
    balances: dict[str, int] = {}
    homes: dict[str, tuple[str, str]] = {}
    before = datetime.min.replace(tzinfo=datetime.now().astimezone().tzinfo)
    for number, row in enumerate(rows, start=1):
        player, now = row["player_id"], datetime.fromisoformat(row["event_time"])
        assert int(row["event_id"]) == number
        assert now > before, number
        assert int(row["balance"]) == balances.get(player, 0) + int(row["amount"]) >= 0, number
        assert (row["kind"] == "grant") == (player not in balances), number
        assert (int(row["amount"]) < 0) == (row["kind"] == "spend"), number
        assert homes.setdefault(player, (row["region"], row["platform"])) == (row["region"], row["platform"])
        assert row["session_id"].startswith(f"{player}-")
        balances[player], before = int(row["balance"]), now


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    game.generate(path=path, rows=400)
    return path


def test_the_committed_file_is_what_the_generator_makes(tmp_path: Path) -> None:
    again = tmp_path / "again.csv"
    assert game.main(["--out", str(again)]) == 0
    assert again.read_bytes() == COMMITTED.read_bytes()


def test_the_committed_file_is_consistent_and_has_every_kind() -> None:
    rows = read(COMMITTED)
    assert len(rows) == game.ROWS
    assert tuple(rows[0]) == game.COLUMNS
    assert {row["kind"] for row in rows} == set(game.KINDS)
    assert {row["region"] for row in rows} == set(game.REGIONS)
    assert_consistent(rows)


def test_players_play_in_the_evening_of_their_own_region() -> None:
    hours: dict[str, list[int]] = {region: [0] * 24 for region in game.REGIONS}
    for row in read(COMMITTED):
        local = datetime.fromisoformat(row["event_time"]).hour + game.REGIONS[row["region"]][0]
        hours[row["region"]][local % 24] += 1
    for region, counts in hours.items():
        assert sum(counts[18:22]) > 2 * sum(counts[2:6]), region


def test_another_seed_makes_other_events(small: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    game.generate(path=other, rows=400, seed=8)
    assert other.read_bytes() != small.read_bytes()
    assert_consistent(read(other))


def test_sessions_are_as_long_as_the_quiet_allows(small: Path) -> None:
    rows = read(small)
    for _, group in itertools.groupby(sorted(rows, key=lambda row: row["player_id"]), key=lambda row: row["player_id"]):
        for earlier, later in itertools.pairwise(group):
            quiet = datetime.fromisoformat(later["event_time"]) - datetime.fromisoformat(earlier["event_time"])
            assert (earlier["session_id"] != later["session_id"]) == (
                quiet.total_seconds() * 1000 > game.SESSION_GAP_MS
            )


@pytest.mark.parametrize("steps", [[1], [7, 1, 30], [100, 100]])
def test_an_appended_file_goes_on_where_it_ended(small: Path, steps: list[int]) -> None:
    before = small.read_bytes()
    for step in steps:
        game.append(path=small, rows=step)
    assert small.read_bytes().startswith(before)
    rows = read(small)
    assert len(rows) == 400 + sum(steps)
    assert_consistent(rows)


def test_appending_is_deterministic(small: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin.csv"
    twin.write_bytes(small.read_bytes())
    assert game.append(path=small, rows=25) == game.append(path=twin, rows=25) == 425
    assert small.read_bytes() == twin.read_bytes()


def test_until_spreads_the_events_up_to_that_time(small: Path) -> None:
    assert game.main(["--append", "20", "--to", str(small), "--until", "2026-12-24T12:00:00Z"]) == 0
    rows = read(small)
    last = datetime.fromisoformat(rows[-1]["event_time"])
    assert datetime.fromisoformat("2026-12-23T00:00:00Z") < last <= datetime.fromisoformat("2026-12-24T12:00:00Z")
    assert_consistent(rows)


def test_until_in_the_past_is_refused(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert game.main(["--append", "20", "--to", str(small), "--until", "2026-11-01"]) == 2
    assert "choose a later --until" in capsys.readouterr().err
    assert len(read(small)) == 400


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,b\n1,2\n", "does not start with the columns"),
        (",".join(game.COLUMNS) + "\n", "has no events"),
        (",".join(game.COLUMNS) + "\n1,KW1,2026-11-01T00:00:00Z,earn,x,1,1,EU,pc,KW1-1", "middle of a line"),
        (",".join(game.COLUMNS) + "\n1,KW1,soon,earn,x,1,1,EU,pc,KW1-1\n", "line 2 is not an event"),
        (",".join(game.COLUMNS) + "\n1,KW1\n", "line 2 is not an event"),
    ],
)
def test_a_foreign_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    path = tmp_path / "foreign.csv"
    path.write_text(content)
    assert game.main(["--append", "1", "--to", str(path)]) == 2
    assert says in capsys.readouterr().err
    assert path.read_text() == content


def test_a_failed_write_leaves_the_old_file_and_no_draft(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: game.World, *, count: int, until_ms: int | None = None) -> Iterator[str]:
        yield "half a li"
        raise OSError("disk full")

    before = small.read_bytes()
    monkeypatch.setattr(game.World, "rows", broken)
    with pytest.raises(OSError, match="disk full"):
        game.append(path=small, rows=5)
    assert small.read_bytes() == before
    assert [path.name for path in small.parent.iterdir()] == [small.name]


def test_a_reader_never_sees_half_a_line_and_appenders_take_turns(small: Path) -> None:
    done = threading.Event()
    torn: list[bytes] = []

    def watch() -> None:
        while not done.is_set():
            content = small.read_bytes()
            if not content.endswith(b"\n"):
                torn.append(content[-80:])

    watcher = threading.Thread(target=watch)
    writers = [threading.Thread(target=game.append, kwargs={"path": small, "rows": 3}) for _ in range(8)]
    watcher.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    watcher.join()
    assert torn == []
    rows = read(small)
    assert len(rows) == 400 + 8 * 3
    assert_consistent(rows)


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        world = game.World(random=random.Random(1), gap_ms=50.0, population=200)
        tracemalloc.start()
        for _ in world.rows(count=rows):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak(30_000) < peak(3_000) + 50_000


@pytest.mark.parametrize("argv", [["--append", "3"], ["--to", "x"], ["--rows", "0"], ["--rows", "2", "--append", "2"]])
def test_a_wrong_command_line_is_refused(argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        game.main(argv)
