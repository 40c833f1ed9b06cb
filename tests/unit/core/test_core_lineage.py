"""Live data times against a plain recursive reading of the rule; cycles."""

import random
from datetime import datetime

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.graphs import at, derived, key, put, root
from tests.unit.core.making import asset, source

from freshet.api.asset import Asset, AssetStatus, Consumed, HistoryItem
from freshet.core.lineage import NEVER_OLD, Graph, inherits

VERSIONS = ["v1", "v2"]


def oracle(name: str, assets: dict[str, Asset]) -> datetime | None:
    """DESIGN §4 rule 8, read aloud."""
    it = assets[name]
    if not inherits(it) and it.status.data_time is not None:
        return it.status.data_time
    times = []
    for up in it.spec.upstreams:
        consumed, upstream = it.status.consumed.get(up), assets.get(up)
        if upstream is not None and upstream.spec.data_time == "Static":
            times.append(NEVER_OLD)
            continue
        if consumed is None:
            times.append(None)
            continue
        if upstream is not None and upstream.status.version == consumed.version:
            times.append(oracle(up, assets))
            continue
        confirmed = [
            h.data_time for h in (upstream.status.history if upstream else ()) if h.version == consumed.version
        ]
        times.append((confirmed[0] if confirmed else None) or consumed.data_time)
    bounded = [it.status.last_updated_at if t is None else t for t in times]
    return None if None in bounded else min((t for t in bounded if t is not None), default=None)


def told(name: str, assets: dict[str, Asset]) -> datetime | None:
    at = oracle(name, assets)
    return None if at == NEVER_OLD else at


@st.composite
def worlds(draw: st.DrawFn) -> list[Asset]:
    """A random graph in a random order of arrival, then newer states of some of its assets."""
    count = draw(st.integers(1, 9))
    rnd = random.Random(draw(st.integers(0, 10**9)))

    def state(n: int) -> Asset:
        version, history = rnd.choice(VERSIONS), ()
        if rnd.random() < 0.5:
            when = at(rnd.randrange(60))
            history = (HistoryItem(id="h", outcome="Succeeded", version=rnd.choice(VERSIONS), data_time=when),)
        names = rnd.sample(range(n), rnd.randrange(n + 1)) if rnd.random() < 0.8 else []
        if not names:
            status = AssetStatus(version=version, data_time=at(rnd.randrange(60)), history=history)
            return source(f"n{n}", status=status, **({"dataTime": "Static"} if rnd.random() < 0.15 else {}))
        seen = {
            f"n{up}": Consumed(version=rnd.choice(VERSIONS), data_time=at(rnd.choice([None, rnd.randrange(60)])))
            for up in names
            if rnd.random() < 0.9
        }
        built = at(rnd.choice([None, rnd.randrange(60)]))
        status = AssetStatus(version=version, consumed=seen, history=history, last_updated_at=built)
        return asset(f"n{n}", upstreams=[f"n{up}" for up in names], status=status)

    first = [state(n) for n in range(count)]
    rnd.shuffle(first)
    return first + [state(rnd.randrange(count)) for _ in range(draw(st.integers(0, 12)))]


@settings(max_examples=50, deadline=None)
@given(states=worlds(), gone=st.integers(0, 8))
def test_live_times_are_what_the_rule_says(states: list[Asset], gone: int) -> None:
    graph, assets = Graph(), {}
    for state in states:
        before = {name: oracle(name, assets) for name in assets}
        assets[state.name] = state
        assert graph.preview(state) == oracle(state.name, assets)
        moved = put(graph, state)
        for name in assets:
            assert graph.live(key(name)) == told(name, assets)
        for name, then in before.items():
            now = oracle(name, assets)
            assert now == then or moved[key(name)] is (then is not None and (now is None or now < then))
        assert put(graph, state) == {}
    assets.pop(f"n{gone}", None)
    graph.remove(key(f"n{gone}"))
    graph.settle()
    for name in assets:
        assert graph.live(key(name)) == told(name, assets)


def test_an_unchanged_check_makes_all_below_as_fresh() -> None:
    graph = Graph()
    for it in (root("s", 0), derived("b", {"s": "v1"}), derived("c", {"b": "v1"})):
        put(graph, it)
    assert put(graph, root("s", 5)) == dict.fromkeys([key("s"), key("b"), key("c")], False)
    assert graph.live(key("c")) == at(5)


def test_what_consumed_an_older_version_is_as_old_as_that_was() -> None:
    graph = Graph()
    put(graph, root("s", 30, "v2"))
    put(graph, derived("b", {"s": "v1"}, minutes=7))
    assert graph.live(key("b")) == at(7)


def test_an_asset_below_hundreds_of_others_follows_the_last_of_them() -> None:
    graph, middle = Graph(), [f"m{n}" for n in range(200)]
    put(graph, root("s", 0))
    for name in middle:
        put(graph, derived(name, {"s": "v1"}))
    put(graph, derived("bottom", dict.fromkeys(middle, "v1")))
    put(graph, root("s", 9))
    assert graph.live(key("bottom")) == at(9)
    assert graph.root(derived("bottom", dict.fromkeys(middle, "v1"))) == key("s")


def test_what_is_built_from_static_data_alone_never_grows_old() -> None:
    graph = Graph()
    put(graph, root("seed", -500, static=True))
    below = [derived("b", {"seed": "v1"}), derived("c", {"b": "v1"}), derived("d", {"c": "v1", "s": "v1"})]
    put(graph, root("s", 3))
    for it in below:
        put(graph, it)
    assert [graph.preview(it) for it in below] == [NEVER_OLD, NEVER_OLD, at(3)]
    assert [graph.live(key(it.name)) for it in below] == [None, None, at(3)]
    unsure = derived("e", {"seed": "v1", "x": "v1"}, minutes=None)
    assert graph.preview(unsure) is None


def built_at(minutes: int, name: str, *upstreams: str, **consumed: str) -> Asset:
    """Built then, of all its upstreams from those versions alone."""
    it = derived(name, consumed, minutes=None)
    spec = msgspec.structs.replace(it.spec, upstreams=upstreams)
    return msgspec.structs.replace(
        it, spec=spec, status=msgspec.structs.replace(it.status, last_updated_at=at(minutes))
    )


def test_an_input_that_was_not_consumed_or_is_not_known_makes_it_as_old_as_its_build() -> None:
    """However fresh the others are; what is static does not count, consumed or not."""
    graph = Graph()
    for it in (root("s", 50), root("new", 45, "v9"), root("unknown", None), root("seed", -500, static=True)):
        put(graph, it)
    mixed = [
        built_at(10, "a", "s", "new", s="v1"),
        built_at(10, "b", "s", "unknown", s="v1", unknown="v1"),
        built_at(10, "c", "s", "gone", s="v1", gone="v1"),
        built_at(10, "d", "s", "seed", s="v1"),
        built_at(55, "e", "s", "new", s="v1"),
        built_at(10, "f", "seed"),
    ]
    assert [graph.preview(it) for it in mixed] == [at(10), at(10), at(10), at(50), at(50), NEVER_OLD]
    assert [graph.root(it).name for it in mixed] == ["a", "b", "c", "s", "s", "f"]


def test_the_root_is_the_first_that_did_not_follow() -> None:
    graph = Graph()
    chain = [root("s", 5, "v2"), derived("a", {"s": "v1"}), derived("b", {"a": "v1"}), derived("c", {"b": "v1"})]
    for it in chain:
        put(graph, it)
    assert [graph.root(it).name for it in chain] == ["s", "a", "a", "a"]
    assert graph.followers(key("a")) == {key("b"), key("c")}
    moved = put(graph, derived("a", {"s": "v2"}))
    assert moved.keys() == {key("a"), key("b"), key("c")}
    assert graph.followers(key("s")) == {key("a"), key("b"), key("c")}
    assert graph.followers(key("a")) == set()
    graph.remove(key("s"))
    graph.settle()
    assert graph.followers(key("s")) == set()


def test_moves_say_which_became_older() -> None:
    graph = Graph()
    for it in (root("s", 5), derived("a", {"s": "v1"}, minutes=1)):
        put(graph, it)
    assert put(graph, root("s", 9)) == {key("s"): False, key("a"): False}
    assert put(graph, root("s", 12, "v2")) == {key("s"): False, key("a"): True}


def test_rings_are_found_in_any_order_and_gone_when_cut() -> None:
    for order in (["a", "b", "c", "d"], ["d", "c", "b", "a"], ["b", "d", "a", "c"]):
        graph = Graph()
        ups = {"a": ["c"], "b": ["a"], "c": ["b"], "d": ["c"]}
        for name in order:
            put(graph, derived(name, dict.fromkeys(ups[name], "v1")))
            for known in order:
                graph.cycle(key(known))
        assert [graph.cycle(key(name))[:1] for name in "abcd"] == [("a",), ("b",), ("c",), ()]
        put(graph, derived("a", {}))
        assert [graph.cycle(key(name)) for name in "abcd"] == [(), (), (), ()]
        put(graph, derived("a", {"c": "v1"}))
        assert graph.cycle(key("b")) == ("b", "c", "a", "b")
        graph.remove(key("c"))
        assert [graph.cycle(key(name)) for name in "abd"] == [(), (), ()]


def test_a_long_ring_is_cut_short_in_words() -> None:
    graph = Graph()
    for n in range(5000):
        put(graph, derived(str(n), {str((n - 1) % 5000): "v1"}))
    assert graph.cycle(key("7")) == (*(str(n) for n in range(7, 15)), "…", "7")


def test_nothing_is_kept_of_what_is_gone() -> None:
    graph = Graph()
    for name in "abc":
        put(graph, derived(name, {"s": "v1", "t": "v1"}))
    for name in "abc":
        graph.remove(key(name))
    graph.settle()
    kept = (graph._nodes, graph._ages, graph._downstreams, graph._followers, graph._changed, graph._order._places)
    assert not any(kept)


def test_cycles_are_named_and_do_not_hang() -> None:
    graph = Graph()
    ring = {"a": {"c": "v1", "s": "v1"}, "b": {"a": "v1", "t": "v1"}, "c": {"b": "v1"}}
    put(graph, root("s", 1))
    put(graph, root("t", 2))
    for name, consumed in ring.items():
        put(graph, derived(name, consumed))
    put(graph, derived("below", {"c": "v1"}))
    assert graph.cycle(key("a")) == ("a", "b", "c", "a")
    assert graph.cycle(key("below")) == ()
    for minutes in range(20):
        put(graph, root("s", minutes))
        put(graph, root("t", 20 - minutes))
    assert graph.root(derived("below", {"c": "v1"})) in {key(name) for name in (*ring, "s", "t")}
    put(graph, derived("a", {"s": "v1"}))
    assert graph.cycle(key("a")) == ()
    assert graph.live(key("below")) == at(1)


def test_an_asset_that_names_itself() -> None:
    graph = Graph()
    put(graph, derived("a", {"a": "v1"}))
    assert graph.cycle(key("a")) == ("a", "a")


def test_static_inputs_do_not_count_and_their_absence_is_no_age() -> None:
    graph = Graph()
    put(graph, root("seed", -500, static=True))
    put(graph, root("s", 3))
    put(graph, derived("b", {"seed": "v1", "s": "v1"}))
    assert graph.live(key("b")) == at(3)
    assert graph.static(key("seed"))
    assert not graph.static(key("b"))
