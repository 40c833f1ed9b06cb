"""The zone in which loads speak to one of dlt's destinations: times of an adopted table are what the file says."""

import os

import pytest
from tests.parts.workloads.dlt_place import VARIABLE, Place
from tests.support.secrecy import POSTGRES_PASSWORD

FAR = "America/New_York"
TIME = "2026-01-02 03:04:05"


@pytest.mark.parametrize("says", ["role", "secret"])
def test_a_time_without_zone_arrives_as_it_is_whatever_zone_is_set(place: Place, says: str) -> None:
    """It was another one by the hours of the zone, and where it is the key, each row came once more."""
    role = place.schema
    place.server.query(f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{POSTGRES_PASSWORD}'; CREATE SCHEMA {role}")
    os.environ[VARIABLE] = f"postgresql://{role}:{POSTGRES_PASSWORD}@{place.server.address}/postgres"
    if says == "role":
        place.server.query(f"ALTER ROLE {role} SET timezone = '{FAR}'")
    else:
        os.environ[VARIABLE] += f"?options=-ctimezone%3D{FAR}"
    place.write(f"at,v\n{TIME},new\n")
    found = {}
    for disposition in ("append", "merge", "replace"):
        place.server.query(f"CREATE TABLE {role}.{disposition} (at timestamp, v text)")
        place.server.query(f"INSERT INTO {role}.{disposition} VALUES ('{TIME}', 'old')")
        key = {"primaryKey": ["at"]} if disposition == "merge" else {}
        write = {"disposition": disposition, "adopt": True, **key}
        told = place.load(table=disposition, write=write, dataTimeColumn="at")
        assert told["dataTime"] == "2026-01-02T03:04:05.000000Z"
        found[disposition] = sorted(place.rows("at::text, v", disposition))
    assert found == {
        "append": [(TIME, "new"), (TIME, "old")],
        "merge": [(TIME, "new")],
        "replace": [(TIME, "new")],
    }


def test_a_count_reads_the_time_of_day_by_the_zone_that_is_set(place: Place) -> None:
    os.environ[VARIABLE] += f"?options=-ctimezone%3D{FAR}"
    made = f"SELECT CAST(TIMESTAMPTZ '{TIME}Z' AS timestamp) AS at"
    place.server.query(f"CREATE SCHEMA {place.schema}; CREATE VIEW {place.schema}.v AS {made}")
    assert place.count("v", dataTimeColumn="at")["dataTime"] == "2026-01-01T22:04:05.000000Z"
