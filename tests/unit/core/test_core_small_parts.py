"""Patches, names, what is being built, whom to blame, durations, parsing."""

import copy
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.making import NOW, asset

from freshet.api.asset import Asset, AssetStatus, PolicyInForce, RunInFlight
from freshet.api.durations import exact_duration, format_duration, parse_duration
from freshet.api.view import InvalidObject, Key, instant, parse, to_json
from freshet.core.building import is_building
from freshet.core.naming import digest, job_name
from freshet.core.patch import merge_patch

leaves = st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
documents = st.recursive(
    st.dictionaries(st.sampled_from("abcd"), leaves, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), leaves | inner, max_size=4),
    max_leaves=10,
)


def applied(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = applied(result.get(key), value)
    return result


@settings(max_examples=50, deadline=None)
@given(old=documents, new=documents)
def test_a_patch_turns_one_into_the_other_and_is_empty_only_for_equals(old: Any, new: Any) -> None:
    before = copy.deepcopy((old, new))
    patch = merge_patch(old=old, new=new)
    assert applied(old, patch) == new
    assert (patch == {}) is (old == new)
    assert (old, new) == before


@settings(max_examples=40, deadline=None)
@given(name=st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True), attempt=st.integers(1, 99999))
def test_job_names_fit_and_follow_from_the_need(name: str, attempt: int) -> None:
    made = job_name(asset=name, identity=digest(name, {"b": 1, "a": None}), attempt=attempt)
    assert len(made) <= 63
    assert made == job_name(asset=name, identity=digest(name, {"a": None, "b": 1}), attempt=attempt)
    assert made != job_name(asset=name, identity=digest(name, {"a": None, "b": 2}), attempt=attempt)
    assert made.endswith(f"-{attempt}")


def test_a_hash_that_stands_in_a_status_means_the_same_to_the_next_version_of_freshet() -> None:
    """Another one would be a changed definition: everything would be built again after an upgrade."""
    parts = {"limit": 3, "count": {"relation": "a.b"}, "half": 0.5, "on": True, "no": None}, ["x", "y"]
    assert digest(*parts) == "33e8265d6f"


FOLLOWS = PolicyInForce(when="AnyUpstreamUpdated")


def link(name: str, *upstreams: str, considered: str = "v1", **status: Any) -> Asset:
    seen = dict.fromkeys(upstreams, considered)
    facts = {"version": "v1", "policy": FOLLOWS, "considered": seen, **status}
    return asset(name, upstreams=list(upstreams), status=AssetStatus(**facts))


def building(name: str, *assets: Asset) -> bool:
    known = {Key("Asset", "ns", it.name): it for it in assets}
    return is_building(Key("Asset", "ns", name), find=known.get)


RUN = RunInFlight(id="r")


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        ([link("c", "b"), link("b", "a"), link("a")], False),
        ([link("c", "b"), link("b", "a"), link("a", run=RUN)], True),
        ([link("c", "b"), link("b", "a", considered="v0"), link("a")], True),
        ([link("c", "b"), link("b", "a", considered="v0", failures=1), link("a")], False),
        ([link("c", "b"), link("b", "a", considered="v0", state="Suspended"), link("a")], False),
        ([link("c", "b"), link("b", "a", considered="v0", policy=PolicyInForce(when="Manual")), link("a")], False),
        ([link("c", "b"), link("b", "c")], False),
        ([link("c", "gone")], False),
        ([], False),
    ],
)
def test_being_built(assets: list[Asset], expected: bool) -> None:
    assert building("c", *assets) is expected


def test_a_wide_lattice_is_looked_at_once_each() -> None:
    layers = [[f"n{depth}-{n}" for n in range(20)] for depth in range(12)]
    assets = [link(name) for name in layers[0]]
    assets += [link(name, *above) for above, layer in pairwise(layers) for name in layer]
    looks: list[Key] = []
    known = {Key("Asset", "ns", it.name): it for it in assets}
    assert not is_building(Key("Asset", "ns", "n11-0"), find=lambda key: looks.append(key) or known.get(key))
    assert len(looks) < 10_000


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**10))
def test_durations_read_back_as_they_were_written(millis: int) -> None:
    span = timedelta(milliseconds=millis)
    assert parse_duration(exact_duration(span)) == span


@pytest.mark.parametrize(
    ("text", "people", "exact"),
    [("90s", "1m30s", "1m30s"), ("1h30m30s", "1h30m", "1h30m30s"), ("500ms", "0s", "500ms"), ("51h", "2d3h", "51h"),
     ("1h0m5s", "1h", "1h5s"), ("0s", "0s", "0s"), ("1.5h", "1h30m", "1h30m")],
)  # fmt: skip
def test_durations(text: str, people: str, exact: str) -> None:
    assert (format_duration(parse_duration(text)), exact_duration(parse_duration(text))) == (people, exact)


@pytest.mark.parametrize("text", ["", "5", "soon", "1e3s", "h"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        parse_duration(text)


@pytest.mark.parametrize("text", [None, "", "x", "2026-11-24", "2026-11-24T12:00:00"])
def test_what_is_no_time(text: str | None) -> None:
    assert instant(text) is None


def test_times_with_an_offset() -> None:
    assert instant("2026-11-24T13:00:00+01:00") == NOW
    assert isinstance(instant("2026-11-24T12:00:00Z"), datetime)


def test_views_read_and_write_the_api_and_keep_only_our_annotations() -> None:
    raw = {"metadata": {"name": "a", "namespace": "ns", "annotations": {"freshet.dev/prune": "disabled", "x/y": "z"}},
           "spec": {"materialize": {"dbtCloud": {"uniqueId": "model.p.a"}}, "dataTime": "Static"}}  # fmt: skip
    it = parse(raw, type=Asset)
    assert (it.kind, it.key, it.metadata.annotations) == ("DbtCloud", "a", {"freshet.dev/prune": "disabled"})
    assert to_json(it)["spec"] == raw["spec"]
    with pytest.raises(InvalidObject, match=r"ns/a: .*upstreams"):
        parse({**raw, "spec": {"materialize": {}, "upstreams": 3}}, type=Asset)
