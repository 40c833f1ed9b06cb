"""The demo's folder, its story, its table, and how `--once` judges, without a cluster."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from freshet.local.demo.folder import claim
from freshet.local.demo.once import ASSETS, play_once
from freshet.local.demo.process import DemoError
from freshet.local.demo.steps import steps
from freshet.local.demo.story import Change, Story
from freshet.local.demo.table import line, render, screen

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SOURCE, MODEL, COUNT = ASSETS
KINDS = {SOURCE: "source", MODEL: "dbtCloud", COUNT: "count"}


def asset(name: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"materialize": {KINDS[name]: {}}}, "status": status}


def written(*, width: int = 140) -> Console:
    return Console(file=io.StringIO(), width=width)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


class Script:
    """Stands for a Stage: each look at the assets is the next of a list, the last one for ever."""

    def __init__(self, folder: Path, *looks: list[dict[str, Any]], rows: int = 2) -> None:
        self.folder, self.csv, self._looks = folder, folder / "x.csv", list(looks)
        self.csv.write_text("event_id,item\n" + '1,"two\nlines"\n' * rows)

    def check(self) -> None:
        pass

    def assets(self) -> list[dict[str, Any]]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]


def all_fresh(*, rows: int) -> list[dict[str, Any]]:
    return [asset(COUNT, state="Fresh", version="c", rows=rows)] + [
        asset(name, state="Fresh", version="v") for name in (MODEL, SOURCE)
    ]


class TestFolder:
    def test_a_new_one_is_made_for_the_owner_alone(self, tmp_path: Path) -> None:
        claim(tmp_path / "a" / "b").close()
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700

    def test_what_an_older_show_left_is_removed(self, tmp_path: Path) -> None:
        folder = tmp_path / "demo"
        claim(folder).close()
        (folder / "data").mkdir()
        (folder / "data" / "old.csv").touch()
        (folder / "link").symlink_to(tmp_path)
        claim(folder).close()
        assert [path.name for path in folder.iterdir()] == [".freshet-demo"]

    def test_files_of_somebody_stay(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").touch()
        with pytest.raises(DemoError, match="has files that no demo made: give an empty folder"):
            claim(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_two_shows_do_not_share_one(self, tmp_path: Path) -> None:
        first = claim(tmp_path / "demo")
        (tmp_path / "demo" / "data").touch()
        with pytest.raises(DemoError, match=r"a demo runs in .* already"):
            claim(tmp_path / "demo")
        assert (tmp_path / "demo" / "data").exists()
        first.close()
        claim(tmp_path / "demo").close()


class TestStory:
    def test_only_changes_are_told(self) -> None:
        story = Story()
        assert story.look([asset(SOURCE)], now=NOW) == []
        [first] = story.look([asset(SOURCE, state="Missing", reason="never built")], now=NOW)
        assert (first.before, first.after, first.reason) == ("", "Missing", "never built")
        assert story.look([asset(SOURCE, state="Missing", reason="other")], now=NOW) == []
        [second] = story.look([asset(SOURCE, state="Fresh"), asset(MODEL)], now=NOW)
        assert (second.before, second.after) == ("Missing", "Fresh")
        assert story.changes == [first, second]


class TestTable:
    def test_rows_stand_in_the_order_of_the_data(self) -> None:
        console = written()
        console.print(render(all_fresh(rows=20025), now=NOW))
        shown = text_of(console)
        assert shown.index(SOURCE) < shown.index(MODEL) < shown.index(COUNT)
        assert "20,025" in shown

    @pytest.mark.parametrize(
        ("seconds", "shown"), [(0, "0s ago"), (-3, "0s ago"), (59, "59s ago"), (60, "1m00s ago"), (3675, "61m15s ago")]
    )
    def test_ages(self, seconds: int, shown: str) -> None:
        console = written()
        at = (NOW - timedelta(seconds=seconds)).isoformat()
        console.print(render([asset(SOURCE, state="Fresh", lastUpdatedAt=at)], now=NOW))
        assert f" {shown} " in text_of(console)

    def test_brackets_in_a_reason_are_no_markup(self) -> None:
        console = written()
        change = Change(at=NOW, asset=SOURCE, before="Fresh", after="Failed", reason="columns [red] and [/]")
        console.print(line(change), highlight=False)
        console.print(render([asset(SOURCE, state="Failed", reason="columns [red] and [/]")], now=NOW))
        assert text_of(console).count("columns [red] and [/]") == 2

    def test_a_long_reason_stays_on_one_line_below_the_table(self) -> None:
        console = written(width=80)
        change = Change(at=NOW, asset=SOURCE, before="Fresh", after="Failed", reason="word " * 60)
        console.print(screen([], changes=[change] * 20, footer="the end", now=NOW))
        told = [text for text in text_of(console).splitlines() if "word" in text]
        assert len(told) == 8
        assert all(text.startswith("02:00:00") and len(text) <= 80 for text in told)


class TestOnce:
    def test_it_ends_well_when_the_count_is_that_of_the_file(self, tmp_path: Path) -> None:
        console = written()
        before = [asset(name, state="Missing") for name in ASSETS]
        play_once(Script(tmp_path, before, all_fresh(rows=2)), console=console)
        assert "the count of 2 rows equals the CSV's" in text_of(console)
        assert f"{COUNT:32} Missing → Fresh" in text_of(console)

    def test_a_wrong_count_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(DemoError, match="counted 3 rows, but the CSV holds 2"):
            play_once(Script(tmp_path, all_fresh(rows=3)), console=written())

    def test_a_count_under_way_is_waited_for(self, tmp_path: Path) -> None:
        old = [asset(COUNT, state="Updating", version="old", rows=1), *all_fresh(rows=1)[1:]]
        play_once(Script(tmp_path, old, all_fresh(rows=2)), console=written())

    def test_a_failed_run_ends_it_with_its_words(self, tmp_path: Path) -> None:
        last = {"outcome": "Failed", "message": "BadRows: x.csv line 7"}
        failed = [asset(SOURCE, state="Missing", reason="never built", lastRun=last), asset(MODEL, state="Missing")]
        with pytest.raises(DemoError, match=rf"^the demo failed. {SOURCE}: BadRows: x.csv line 7 \(logs: "):
            play_once(Script(tmp_path, failed), console=written())

    def test_patience_ends(self, tmp_path: Path) -> None:
        waiting = [asset(SOURCE, state="Updating", reason="RunInFlight: never built")]
        with pytest.raises(DemoError, match=f"not all assets materialized in 0 s. {SOURCE}: RunInFlight"):
            play_once(Script(tmp_path, waiting), console=written(), seconds=0)

    def test_an_interrupted_run_is_given_its_second_chance(self, tmp_path: Path) -> None:
        again = {"outcome": "Interrupted", "message": "the warehouse stayed locked"}
        play_once(
            Script(tmp_path, [asset(SOURCE, state="Missing", lastRun=again)], all_fresh(rows=2)), console=written()
        )


class TestSteps:
    def test_a_step_is_ticked_when_it_is_done(self) -> None:
        console = written()
        with steps(console)("Kubernetes"):
            pass
        assert text_of(console).startswith("✓ Kubernetes ")

    def test_a_step_that_fails_is_crossed(self) -> None:
        console = written()
        with pytest.raises(DemoError), steps(console)("Kubernetes"):
            raise DemoError("no")
        assert text_of(console) == "✗ Kubernetes\n"
