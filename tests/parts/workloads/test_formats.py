"""Dates and times: what a declared format says, and the times that are none."""

from datetime import date, datetime

import pytest
from tests.parts.workloads.conftest import World

from freshet.workloads.errors import WorkloadError


def test_a_declared_format_serves_inference_too(world: World) -> None:
    world.write("d\n24.12.2026\n")
    world.load(csv={"dateFormat": "%d.%m.%Y"})
    assert world.rows() == [(date(2026, 12, 24),)]


def test_a_date_in_a_declared_format_loses_no_time_of_day(world: World) -> None:
    world.write("id,d\n1,01.02.2024 13:45\n2,02.02.2024 00:00\n")
    csv = {"dateFormat": "%d.%m.%Y %H:%M"}
    world.load(csv=csv, table="text")
    assert world.rows("SELECT d FROM kw.text ORDER BY id") == [("01.02.2024 13:45",), ("02.02.2024 00:00",)]
    world.load(csv={**csv, "timestampFormat": csv["dateFormat"]}, table="times")
    assert world.rows("SELECT d FROM kw.times ORDER BY id")[0] == (datetime(2024, 2, 1, 13, 45),)
    told = world.load(csv={**csv, "schema": {"d": "DATE"}}, onBadRows="drop")
    assert (told["rowsRejected"], told["samples"][0]["line"]) == (1, 2)
    assert world.rows() == [(2, date(2024, 2, 2))]
    world.write("id,d\n1,01.02.2024 13:45\n")
    with pytest.raises(WorkloadError, match="Column d is DATE in the table") as caught:
        world.load(csv=csv, onBadRows="drop")
    assert caught.value.reason == "SchemaConflict"


def test_a_time_of_day_behind_the_first_rows_makes_a_column_of_dates_text(world: World) -> None:
    world.write("d\n" + "01.02.2024 00:00\n" * 3_000 + "01.02.2024 13:45\n")
    world.load(csv={"dateFormat": "%d.%m.%Y %H:%M"})
    assert world.rows("SELECT max(d), count(*) FROM kw.raw") == [("01.02.2024 13:45", 3_001)]


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("%d.%m.%Y %n", "01.02.2024 000000000", True),
        ("%d.%m.%Y %n", "01.02.2024 000000001", False),
        ("%c", "2024-02-01 00:00:00", True),
        ("%c", "2024-02-01 00:00:01", False),
        ("%%H%d.%m.%Y", "%H01.02.2024", True),
        ("%d.%m.%Y %-I %p", "01.02.2024 12 AM", True),
        ("%d.%m.%Y %-I %p", "01.02.2024 1 AM", False),
        ("%Y-%m-%d %z", "2024-02-01 +0200", False),
        ("%d.%m.%Y", "infinity", False),
        ("%d.%m.%Y", " Epoch", False),
    ],
)
def test_what_a_format_says_beside_the_day_is_nothing_or_a_bad_row(
    world: World, pattern: str, value: str, fits: bool
) -> None:
    world.write(f"id,d\n1,{value}\n2,\n")
    world.load(csv={"dateFormat": pattern, "schema": {"d": "DATE"}}, onBadRows="drop")
    assert world.rows() == ([(1, date(2024, 2, 1))] if fits else []) + [(2, None)]


def test_a_word_is_no_time_in_any_format(world: World) -> None:
    world.write("id,t\n1,infinity\n2,01.01.1900 00:00\n")
    csv = {"timestampFormat": "%d.%m.%Y %H:%M"}
    world.load(csv={**csv, "schema": {"t": "TIMESTAMP"}}, onBadRows="drop")
    assert world.rows() == [(2, datetime(1900, 1, 1))]
    world.load(csv={**csv, "dateFormat": "%d.%m.%Y %H:%M"}, table="text")
    assert world.rows("SELECT t FROM kw.text ORDER BY id") == [("infinity",), ("01.01.1900 00:00",)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_no_time_is_infinite(world: World, kind: str) -> None:
    world.write("id,at\n1,infinity\n2,-Infinity\n3,epoch\n")
    told = world.load(csv={"schema": {"id": "BIGINT", "at": kind}}, onBadRows="drop")
    assert [sample["line"] for sample in told["samples"]] == [2, 3]
    assert world.rows('SELECT id, epoch("at") FROM kw.raw') == [(3, 0)]


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("pattern", [None, "%Y-%m-%d %H:%M:%S"])
def test_no_time_is_of_a_year_beyond_four_digits(world: World, kind: str, pattern: str | None) -> None:
    years = ("0001", "20262", "0000", "0024", "9999")
    world.write("id,at\n" + "".join(f"{year},{year}-01-02 00:00:00\n" for year in years))
    csv = {"schema": {"id": "BIGINT", "at": kind}, "dateFormat": pattern, "timestampFormat": pattern}
    told = world.load(csv=csv, onBadRows="drop", dataTimeColumn="at")
    assert ([sample["line"] for sample in told["samples"]], told["dataTime"]) == ([3, 4], "9999-01-02T00:00:00.000000Z")
    assert world.rows('SELECT id FROM kw.raw WHERE year("at") = id ORDER BY id') == [(1,), (24,), (9999,)]


@pytest.mark.parametrize("odd", ["0000-01-02T00:00:00Z", "0001-01-01T00:00:00+05", "9999-12-31T23:00:00-05"])
def test_a_column_with_such_a_year_is_inferred_as_text(world: World, odd: str) -> None:
    world.write(f"at\n2026-01-01T00:00:00Z\n{odd}\n")
    world.load()
    assert world.rows() == sorted([(odd,), ("2026-01-01T00:00:00Z",)])
