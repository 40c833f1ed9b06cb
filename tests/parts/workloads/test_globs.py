"""A glob in a bucket names what the same glob names on a volume: Python's own is the oracle."""

import glob
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshet.workloads.globs import folder_of, is_deep, is_glob, matches

FILES = (
    *("a.csv", "b.csv.gz", "b [1].csv", "x/a.csv", "x/b.csv", "x/y/a.csv", "x/y/z/c.csv", "xx/a.csv"),
    *("2026-01.csv", "2026-02.csv", "2026-1a.csv", "x/2026-01/a.csv", "x/a.txt", "a(1)+.csv"),
    *(".h.csv", "x/.a.csv", "x/.tmp/a.csv", "x/y/.tmp/a.csv", ".x/a.csv"),
)
PATTERNS = (
    *("*.csv", "**/*.csv", "x/**/*.csv", "x/**/a.csv", "x/*/a.csv", "x*/a.csv", "?.csv", "x?/*.csv", "x/**/y/**/*.csv"),
    *("2026-[0-9][0-9].csv", "2026-[!0]*.csv", "x/*/*.csv", "*/[a-b].csv", "b [[]1].csv", "*.csv.gz", "a(1)+.c*"),
    *(".*.csv", "x/.*.csv", "x/.tmp/*.csv", "**/.tmp/*.csv", "x/[.a]*.csv"),
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_matches_what_a_glob_of_files_does(tmp_path: Path, pattern: str) -> None:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    expected = {name for name in glob.glob(pattern, root_dir=tmp_path, recursive=True) if (tmp_path / name).is_file()}
    found = {name for name in FILES if matches(name, pattern)}
    assert found == expected
    assert found
    assert is_glob(pattern)
    assert all(name.startswith(folder_of(pattern)) for name in found)
    assert is_deep(pattern) or all(name.rpartition("/")[0] == folder_of(pattern) for name in found)


def test_two_stars_within_a_name_go_across_folders() -> None:
    assert [name for name in FILES if matches(name, "x/**.csv")] == [
        *("x/a.csv", "x/b.csv", "x/y/a.csv", "x/y/z/c.csv", "x/2026-01/a.csv")
    ]
    assert is_deep("x/**.csv")


@settings(max_examples=2000)
@given(st.text("[]!^-*?ab\\&|~", max_size=8), st.text("]!^-ab[\\&|~", min_size=1, max_size=4))
@example("[^a]", "b")
@example("[^a]", "a")
@example("[!]]x", "ax")
@example("[]]x", "]x")
@example("[]x", "[]x")
@example("[b-a]", "a")
@example("[!b-a]", "a")
def test_a_name_matches_as_on_a_volume(pattern: str, name: str) -> None:
    assert matches(name, pattern) == fnmatchcase(name, pattern)


@pytest.mark.parametrize("pattern", ["a[!b]c", "a[^b]c", "a[--0]c", "[a/b]c"])
def test_brackets_do_not_reach_across_folders(pattern: str) -> None:
    assert not matches("a/c", pattern)
    assert not matches("b]c", pattern)
