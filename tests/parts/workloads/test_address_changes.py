"""What a web server is asked, and how a change of what it serves is noticed."""

import gzip
import time
from typing import Any

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.web_server import Server
from tests.parts.workloads.writes import MERGE

from freshet.workloads import remote
from freshet.workloads.errors import WorkloadError


def test_a_web_address_is_read_and_unchanged_only_asked_about(world: World, server: Server) -> None:
    server.files["/in.csv.gz"] = gzip.compress(b"id,v\n1,a\n2,b\n", mtime=0)
    csv = {"path": f"{server.url}/in.csv.gz?key=secret"}
    first = world.load(csv=csv, write=MERGE)
    assert (first["rows"], first["bytes"]) == (2, len(server.files["/in.csv.gz"]))
    server.asked.clear()
    again = world.load(csv=csv, write=MERGE, last=None)
    assert (again["changed"], again["version"], server.reads()) == (False, first["version"], [])
    server.files["/in.csv.gz"] = gzip.compress(b"id,v\n2,c\n3,d\n", mtime=0)
    assert world.load(csv=csv, write=MERGE)["rows"] == 3
    assert world.rows() == [(1, "a"), (2, "c"), (3, "d")]


def test_the_bytes_of_an_address_that_tells_no_length_are_those_that_came(world: World, server: Server) -> None:
    server.files["/in.csv"], server.sized = b"id,v\n1,a\n", False
    assert world.load(csv={"path": f"{server.url}/in.csv"})["bytes"] == 9


@pytest.mark.parametrize("tagged", [True, False])
def test_an_answer_that_ends_before_its_end_is_not_taken_for_the_file(
    world: World, server: Server, tagged: bool
) -> None:
    """It may tell no length, and break off at the end of a row."""
    spec = {"csv": {"path": f"{server.url}/in.csv?key=secret"}, "write": {"disposition": "append"}}
    server.files["/in.csv"], server.cut, server.tagged = b"id,v\n1,a\n2,b\n", 9, tagged
    with pytest.raises(WorkloadError, match=r"/in\.csv ended after 9 of 13 bytes") as caught:
        world.load(**spec)
    assert (caught.value.reason, caught.value.exit_code) == ("SourceUnavailable", 4)
    server.cut = None
    assert world.load(**spec)["rows"] == 2


def test_what_is_shorter_since_it_was_packed_on_the_way_is_not_cut_off(world: World, server: Server) -> None:
    server.files["/in.csv"], server.packs = b"id,v\n" + b"1,a\n" * 100, True
    assert world.load(csv={"path": f"{server.url}/in.csv", "compression": "gzip"})["rows"] == 100


def test_an_address_that_is_written_shorter_while_it_is_read_is_read_again(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*given: Any) -> dict[str, str]:
        server.files["/in.csv"] = b"id,v\n2,b\n"
        return remote.fetch(*given)

    monkeypatch.setattr("freshet.workloads.look.fetch", fetch)
    server.files["/in.csv"] = b"id,v\n1,a\n2,b\n"
    world.load(csv={"path": f"{server.url}/in.csv"})
    assert world.rows() == [(2, "b")]


def test_a_server_that_is_behind_does_not_give_its_old_file_for_the_new_one(world: World, server: Server) -> None:
    """What another told of the new one would be on record, and the old one's rows stay."""
    server.files["/in.csv"], server.stale = b"id,v\n1,b\n", [b"id,v\n1,a\n"]
    world.load(csv={"path": f"{server.url}/in.csv"})
    assert world.rows() == [(1, "b")]


def test_an_address_that_was_written_just_now_is_read_when_its_second_is_over(world: World, server: Server) -> None:
    """What overwrites it by then has the same time, and may have the same size."""
    server.files["/a.csv"], server.modified = b"id\n1\n", time.time()
    world.load(csv={"path": f"{server.url}/a.csv"})
    assert int(server.read_at) > int(server.modified)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 501])
def test_a_server_that_answers_no_head_is_asked_by_get(world: World, server: Server, status: int) -> None:
    """So is one where an address is signed for GET alone."""
    server.files["/a.csv"], server.head = b"id\n1\n", status
    spec = {"csv": {"path": f"{server.url}/a.csv"}}
    first = world.load(**spec)
    assert (first["rows"], world.load(last=first, **spec)["changed"]) == (1, False)


def test_a_head_that_says_nothing_is_in_a_file_is_not_taken_at_its_word(world: World, server: Server) -> None:
    server.files["/a.csv"], server.head_length = b"id\n1\n", 0
    spec = {"csv": {"path": f"{server.url}/a.csv"}}
    first = world.load(**spec)
    assert (first["rows"], first["bytes"], world.load(last=first, **spec)["changed"]) == (1, 5, False)


def test_a_server_that_tells_nothing_is_read_to_the_end(world: World, server: Server) -> None:
    server.tagged = False
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] == first["version"]
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_a_copy_that_differs_from_what_was_looked_at_is_not_loaded(world: World, server: Server) -> None:
    """Also where what was there before is there again by the end, as with two servers behind one address."""
    looked_at, other = b"id,v\n1,a\n", b"id,v\n1,b\n"

    class Turns(dict[str, bytes]):
        def get(self, key: str, default: Any = None) -> Any:
            return other if len(server.reads()) == 2 else looked_at

    server.tagged, server.files = False, Turns()
    told = world.load(csv={"path": f"{server.url}/in.csv"})
    assert (world.rows(), told["rows"]) == ([(1, "a")], 1)
    assert len(server.reads()) > 3, "it was fetched once more"


def test_an_address_may_grow_and_only_its_new_rows_are_loaded(world: World, server: Server) -> None:
    """A server only says that something changed: what that is, the content tells."""
    csv, write = {"path": f"{server.url}/in.csv"}, {"disposition": "append", "onFileChange": "append"}
    server.files["/in.csv"] = b"id,v\n1,a\n"
    world.load(csv=csv, write=write)
    server.files["/in.csv"] = b"id,v\n1,a\n2,b\n"
    assert (world.load(csv=csv, write=write)["rowsLoaded"], world.rows()) == (1, [(1, "a"), (2, "b")])
    server.files["/in.csv"] = b"id,v\n1,A\n2,b\n3,c\n"
    with pytest.raises(WorkloadError, match="has changed within its first") as caught:
        world.load(csv=csv, write=write)
    assert caught.value.reason == "FileChanged"


def test_an_address_that_was_written_anew_as_it_was_is_not_appended_twice(world: World, server: Server) -> None:
    """Its time is another, and its content is not."""
    csv, write = {"path": f"{server.url}/in.csv"}, {"disposition": "append"}
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv=csv, write=write)
    assert server.modified is not None
    server.modified += 3600
    again = world.load(csv=csv, write=write)
    assert (again["changed"], again["version"], world.rows()) == (False, first["version"], [(1, "a")])
    for content in (b"id,v\n1,a\n2,b\n", b"id,v\n1,b\n", b"id,v\n"):
        server.files["/in.csv"] = content
        with pytest.raises(WorkloadError) as caught:
            world.load(csv=csv, write=write)
        assert caught.value.reason == "FileChanged"
    assert world.rows() == [(1, "a")]


def test_an_address_that_is_always_written_just_now_is_known_by_its_content(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a page that is made when it is asked for says so, to keep caches away."""
    monkeypatch.setattr(remote, "YOUNG", 0.5)
    server.modified = None
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert (first["rows"], first["bytes"]) == (1, 9)
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] == first["version"]
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_an_address_whose_tag_is_another_with_each_answer_is_known_by_its_content(world: World, server: Server) -> None:
    """A server may make one up, or ask one of several that do not agree."""
    server.restless = 1_000_000
    server.files["/in.csv"] = b"id,v\n1,a\n"
    first = world.load(csv={"path": f"{server.url}/in.csv"})
    assert (first["rows"], first["bytes"]) == (1, 9)
    again = world.load(csv={"path": f"{server.url}/in.csv"}, last=first)
    assert (again["version"], "not opened" in again["message"]) == (first["version"], True)
    server.files["/in.csv"] = b"id,v\n1,b\n"
    assert world.load(csv={"path": f"{server.url}/in.csv"})["version"] != first["version"]


def test_a_tag_that_comes_to_rest_meanwhile_is_no_change(
    world: World, server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshet.workloads.load.LOG.propagate", True)
    server.restless = 2
    server.files["/in.csv"] = b"id,v\n1,a\n"
    with caplog.at_level("INFO", logger="freshet.workloads"):
        assert world.load(csv={"path": f"{server.url}/in.csv"})["rows"] == 1
    assert "reading it again" not in caplog.text


def test_a_redirect_is_followed(world: World, server: Server) -> None:
    server.files["/there.csv"] = b"id,v\n1,a\n"
    server.redirects["/here.csv"] = f"{server.url}/there.csv"
    assert world.load(csv={"path": f"{server.url}/here.csv"})["rows"] == 1
