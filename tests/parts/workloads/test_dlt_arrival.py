"""dlt says that rows have arrived, or that they have not: what is there is counted nevertheless."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg2
import pytest
from tests.parts.workloads.dlt_place import Place
from tests.parts.workloads.writes import MERGE

from freshet.workloads import dlt_destination, dlt_rows, dlt_warehouse
from freshet.workloads.errors import Unavailable


@pytest.mark.parametrize("write", [{"disposition": "append"}, MERGE, {"disposition": "replace"}])
def test_bad_rows_that_did_not_arrive_are_no_success(
    place: Place, write: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt says success; what is beside the table is counted nevertheless, and brought again."""
    place.write("id,v\n1,a\ntwo,b\n")
    once: list[Any] = []

    def aside(self: dlt_destination.Place, *given: Any, **more: Any) -> None:
        run(self, *given, **more)
        if not once and self.columns("raw_rejected"):
            once.append(given)
            place.server.query(f"DELETE FROM {place.schema}.raw_rejected")

    run = dlt_destination.Place.run
    monkeypatch.setattr(dlt_destination.Place, "run", aside)
    told = place.load(csv={"schema": {"id": "BIGINT"}}, onBadRows="quarantine", write=write)
    assert once
    assert (told["rows"], told["rowsRejected"]) == (1, 1)
    assert place.rows("line, raw", "raw_rejected") == [(3, "two,b")]
    assert place.rows() == [(1, "a")]


@contextmanager
def cut_off(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The load within is killed before its record."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dlt_warehouse.ledger, "record", killed)
        with pytest.raises(KeyboardInterrupt):
            yield


def test_a_load_cut_off_before_its_record_is_not_loaded_twice(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("id,v\n1,a\n")
    with cut_off(monkeypatch):
        place.load()
    assert place.rows() == [(1, "a")]
    assert place.load()["rowsLoaded"] == 1
    assert place.rows() == [(1, "a")]


@pytest.mark.parametrize("destination", ["postgres", "sqlalchemy"])
@pytest.mark.parametrize("write", [MERGE, {"disposition": "replace"}], ids=["merge", "replace"])
def test_rows_of_a_load_that_was_cut_off_do_not_pass_for_an_input_that_came_back(
    place: Place, write: dict[str, Any], destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stayed: the input was unchanged since the newest load on record, and "changed by hand"."""
    os.environ["DESTINATION__SQLALCHEMY__CREDENTIALS"] = f"sqlite:///{place.folder}/lite.db"
    load = partial(place.load, destination=destination, write=write)
    place.write("id,v\n1,a\n2,b\n")
    first = load()
    place.write("id,v\n1,x\n2,y\n3,z\n")
    with cut_off(monkeypatch):
        load()
    place.write("id,v\n1,a\n2,b\n")
    again = load()
    assert (again["changed"], again["rows"]) == (True, 3 if write == MERGE else 2)
    assert again["version"] != first["version"]
    told = load()
    assert (told["changed"], told["version"], told["rows"]) == (False, again["version"], again["rows"])
    if destination == "postgres":
        assert place.rows()[:2] == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("write", [MERGE, {"disposition": "replace"}], ids=["merge", "replace"])
def test_rows_that_an_adopted_table_had_are_no_load_that_was_cut_off(place: Place, write: dict[str, Any]) -> None:
    place.server.query(
        f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.raw AS SELECT 7::bigint AS id, 'g' AS v"
    )
    place.write("id,v\n1,a\n")
    first = place.load(write={**write, "adopt": True})
    place.server.query(f"INSERT INTO {place.schema}.raw (id, v) VALUES (8, 'h')")
    told = place.load(write={**write, "adopt": True})
    assert (told["changed"], told["version"]) == (False, first["version"])


@pytest.mark.parametrize("write", [{"disposition": "append"}, MERGE, {"disposition": "replace"}])
def test_an_answer_that_was_lost_is_looked_into(
    place: Place, write: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """dlt has loaded the rows, and says that the connection broke."""
    place.write("id,v\n1,a\n2,b\n")
    run, lost = dlt_destination.Place.run, []

    def broken(self: dlt_destination.Place, *given: Any, **more: Any) -> None:
        run(self, *given, **more)
        if not lost:
            lost.append(given)
            raise psycopg2.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dlt_destination.Place, "run", broken)
    assert place.load(write=write)["rows"] == 2
    assert lost
    assert place.rows() == [(1, "a"), (2, "b")]


def test_rows_that_did_not_arrive_are_no_success(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """dlt says success; the table is counted nevertheless."""
    place.write("id,v\n1,a\n2,b\n")
    batches = dlt_rows.batches
    monkeypatch.setattr(dlt_rows, "batches", lambda batch, load_id: (rows.slice(1) for rows in batches(batch, load_id)))
    with pytest.raises(Unavailable) as caught:
        place.load()
    assert caught.value.reason == "LoadIncomplete"
    assert "1 of 2 rows" in caught.value.message
