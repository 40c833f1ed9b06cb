"""Dates and times: what a declared format says, and the times that are none."""

from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.parts.workloads.conftest import World
from tests.parts.workloads.made_ready import loadable, made_ready

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


def taken(folder: Path, kind: str, pattern: str, values: list[str]) -> list[str]:
    """Those of ``values`` that make no bad row."""
    content = "id;at\n0;\n" + "".join(f"{at};{value}\n" for at, value in enumerate(values, start=1))
    csv = {"delimiter": ";", "schema": {"at": kind}, "dateFormat": pattern, "timestampFormat": pattern}
    ready = made_ready(folder, content, csv=csv, onBadRows="drop")
    return [values[at - 1] for at, is_there in loadable(ready, 'id, "at" IS NOT NULL') if is_there]


CENTURIES = {
    "%m/%d/%Y": (["01/05/2024", "1/1/0001"], ["01/05/24", "1/5/4", "1/5/024"]),
    "%d%m%Y": (["01012024", "01010001"], ["050124", "0105024"]),
    "%d %b %Y": (["5 Jan 2024", "05 JAN 0024"], ["05 Jan 24"]),
    "%x": (["2024-01-05", "0024-01-05"], ["24-01-05"]),
    "%G-W%V-%u": (["2024-W05-1", "0024-W05-1"], ["24-W05-1"]),
    "%m/%d/%y": (["1/5/24", "1/5/69"], ["1/5/2024"]),
}


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("pattern", CENTURIES)
def test_no_year_is_without_its_century_where_the_format_has_one(tmp_path: Path, kind: str, pattern: str) -> None:
    right, wrong = CENTURIES[pattern]
    assert taken(tmp_path, kind, pattern, right + wrong) == right


def test_digits_elsewhere_are_no_century(tmp_path: Path) -> None:
    pattern, right = "%d %m %Y %H%M", ["01 05 2024 0024", "01 05 0024 0024"]
    assert taken(tmp_path, "TIMESTAMP", pattern, [*right, "01 05 24 0024"]) == right


def test_a_century_is_that_of_what_is_written_and_not_of_utc(tmp_path: Path) -> None:
    right = ["0002-01-01 00:00+0500", "0001-12-31 23:00-0500"]
    assert taken(tmp_path, "TIMESTAMPTZ", "%Y-%m-%d %H:%M%z", [*right, "2-01-01 00:00+0500"]) == right


@pytest.mark.parametrize("value", ["01/05/24", "1/5/24 10:00"])
def test_a_column_of_years_without_their_century_is_inferred_as_text(tmp_path: Path, value: str) -> None:
    csv = {"dateFormat": "%m/%d/%Y", "timestampFormat": "%m/%d/%Y %H:%M"}
    assert loadable(made_ready(tmp_path, f"at\n{value}\n", csv=csv)) == [(value,)]


SHARED = ["BST", "AST", "IST", "CST", "SST", "CET", "EST5EDT", "Zulu", "NZ"]
"""Names of zones that several countries use, or that nobody need know."""
SHARED += ["UTC+05:30", "UTC-0330", "UTC+530", "GMT+12345", "GMT+05:30:15"]
"""DuckDB passes over minutes behind ``UTC``, and takes seconds behind ``GMT``, with which no clock goes."""
NAMED = {
    "Europe/London": "09:00",
    "Etc/GMT+5": "15:00",
    "America/Argentina/Buenos_Aires": "13:00",
    "UTC-03": "13:00",
    "GMT+5": "05:00",
    "GMT+05:30": "04:30",
    "GMT-0330": "13:30",
    "UTC+5": "05:00",
}
ZONES = {
    "%Y-%m-%d %H:%M%z": (["2024-01-05 10:00+0200", "2024-01-05 10:00+0000"], ["2024-01-05 10:00Z"]),
    "%H:%M %Z %Y-%m-%d": (
        ["10:00 Europe/Berlin 2024-01-05", "10:00 Etc/GMT+5 2024-01-05", "10:00 GMT+5 2024-01-05"],
        ["10:00 UTC 2024-01-05", "10:00 GMT 2024-01-05"],
    ),
    "%d %b %Y %I:%M%p%Z": (["05 Jan 2024 01:00PMEtc/GMT+5"], ["05 Jan 2024 01:00PMUTC"]),
    "%c %Z": (["2024-01-05 10:00:00 Asia/Tokyo"], ["2024-01-05 10:00:00 GMT", "2024-01-05 10:00:00 Z"]),
    "%x %X%Z": (["2024-01-05 10:00:00Asia/Tokyo"], ["2024-01-05 10:00:00UTC", "2024-01-05 10:00:00Z"]),
    "%Y-%m-%d %H:%M GMT %z": (["2024-01-05 10:00 GMT +0200"], ["2024-01-05 10:00 GMT Z"]),
}


@pytest.mark.parametrize("pattern", ZONES)
def test_a_zone_that_a_format_reads_is_nothing_that_a_timestamp_leaves_out(tmp_path: Path, pattern: str) -> None:
    zones, utc = ZONES[pattern]
    assert taken(tmp_path, "TIMESTAMP", pattern, zones + utc) == utc
    assert taken(tmp_path, "TIMESTAMPTZ", pattern, zones + utc) == zones + utc


def test_a_date_at_midnight_in_utc_alone_is_one_of_a_format_with_a_zone(tmp_path: Path) -> None:
    values = ["2024-01-05 00:00 UTC", "2024-01-05 00:00 Z", "2024-01-05 01:00 Africa/Lagos", "2024-01-05 00:00 CET"]
    assert taken(tmp_path, "DATE", "%Y-%m-%d %H:%M %Z", values) == values[:2]


@pytest.mark.parametrize("pattern", [None, "%Y-%m-%d %H:%M:%S %Z"])
@pytest.mark.parametrize("held", [True, False])
def test_a_zone_that_several_countries_use_makes_a_bad_row(tmp_path: Path, pattern: str | None, held: bool) -> None:
    """``BST`` was read as Bangladesh's, six hours off, and ``UTC+05:30`` as ``UTC+5``."""
    own = {**dict.fromkeys(SHARED, ""), **NAMED, "UTC": "10:00", "GMT": "10:00"}
    content = "id,at\n" + "".join(f"{zone},2026-07-01 10:00:00 {zone}\n" for zone in own)
    kind = "TIMESTAMP WITH TIME ZONE"
    csv = {"timestampFormat": pattern, **({} if held else {"schema": {"at": kind}})}
    table = {"id": "VARCHAR", "at": kind} if held else None
    ready = made_ready(tmp_path, content, csv=csv, table=table, onBadRows="drop")
    assert [one.line for one in ready.parsed.refused] == [at + 2 for at in range(len(SHARED))]
    found = dict(loadable(ready, """id, strftime("at" AT TIME ZONE 'UTC', '%H:%M')"""))
    assert found == {zone: clock for zone, clock in own.items() if clock}


@pytest.mark.parametrize("zone", SHARED)
def test_a_column_with_such_a_zone_is_inferred_as_text(tmp_path: Path, zone: str) -> None:
    csv = {"timestampFormat": "%a %b %d %H:%M:%S %Z %Y"}
    value = f"Wed Jul 01 10:00:00 {zone} 2026"
    assert loadable(made_ready(tmp_path, f"at\n{value}\n", csv=csv)) == [(value,)]


CLOCK = st.times().map(lambda at: at.strftime("%H:%M:%S.%f"))
OFFSET = st.sampled_from(["", "+00", "-03:30", "+0530", "Z", " UTC", " gmt", " Europe/London", " UTC+2"])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    values=st.lists(
        st.tuples(st.dates(date(1, 1, 3), date(9999, 12, 29)), st.sampled_from(" T"), CLOCK, OFFSET), min_size=1
    )
)
def test_what_has_an_offset_or_none_is_a_time_with_a_zone(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[date, str, str, str]]
) -> None:
    texts = [f"{day.isoformat()}{sign}{clock}{zone}" for day, sign, clock, zone in values]
    ready = made_ready(tmp_path_factory.mktemp("z"), "at\n" + "\n".join(texts), csv={"schema": {"at": "TIMESTAMPTZ"}})
    assert (ready.rows, ready.parsed.rejected) == (len(texts), 0)


@pytest.mark.parametrize(("pattern", "value"), [("%Y-%m-%dT%H:%M:%S%z", "{}Z"), ("%Y-%m-%dT%H:%M:%S %Z", "{} Z")])
def test_z_at_the_end_is_utc(tmp_path: Path, pattern: str, value: str) -> None:
    """A format that reads a zone took it for no zone."""
    csv = {"timestampFormat": pattern}
    ready = made_ready(tmp_path, f"at\n{value.format('2024-02-01T10:00:00')}\n", csv=csv)
    assert loadable(ready, 'typeof("at"), epoch("at")') == [("TIMESTAMP WITH TIME ZONE", 1706781600)]


@pytest.mark.parametrize("pattern", ["%d.%m.%Y %H:%M", "%d.%m.%Y %I %p"])
def test_midnights_are_no_dates_where_the_format_says_a_time_of_day(tmp_path: Path, pattern: str) -> None:
    """The next file's 10:00 would not fit."""
    value = datetime(2024, 2, 1).strftime(pattern)
    assert loadable(made_ready(tmp_path, f"d\n{value}\n", csv={"dateFormat": pattern})) == [(value,)]
    times = made_ready(tmp_path, f"d\n{value}\n", csv={"dateFormat": pattern, "timestampFormat": pattern})
    assert loadable(times) == [(datetime(2024, 2, 1),)]


@pytest.mark.parametrize("offset", ["+19", "+02:60", "-99:00"])
def test_no_time_with_an_offset_that_is_none_is_inferred(tmp_path: Path, offset: str) -> None:
    value = f"2024-02-01 10:00:00{offset}"
    assert loadable(made_ready(tmp_path, f"at\n{value}\n")) == [(value,)]


def test_a_column_of_times_with_a_zone_is_inferred_as_such(tmp_path: Path) -> None:
    csv = {"timestampFormat": "%Y-%m-%d %H:%M %z", "dateFormat": "%Y-%m-%d %H:%M %z"}
    ready = made_ready(tmp_path, "id,at\n1,2024-02-01 10:00 +02\n2,2024-02-01 10:00 -0330\n", csv=csv)
    assert loadable(ready, 'id, typeof("at"), epoch("at")') == [
        (1, "TIMESTAMP WITH TIME ZONE", 1706774400),
        (2, "TIMESTAMP WITH TIME ZONE", 1706794200),
    ]
