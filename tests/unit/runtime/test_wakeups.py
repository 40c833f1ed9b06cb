"""The heap with outdated entries behaves as a plain table would."""

from hypothesis import given
from hypothesis import strategies as st

from freshet.api.view import Key
from freshet.runtime.wakeups import SLACK, Wakeups

KEYS = st.sampled_from([Key("Asset", "demo", name) for name in "abcd"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("earliest"), KEYS, st.floats(0, 100)),
        st.tuples(st.just("replace"), KEYS, st.one_of(st.none(), st.floats(0, 100))),
        st.tuples(st.just("pop"), KEYS, st.floats(0, 100)),
    ),
    max_size=200,
)


@given(steps=STEPS)
def test_it_agrees_with_a_table(steps: list[tuple[str, Key, float | None]]) -> None:
    wakeups: Wakeups[float] = Wakeups()
    table: dict[Key, float] = {}
    for step, key, when in steps:
        if step == "replace":
            wakeups.replace(key, when)
            table.pop(key, None)
            if when is not None:
                table[key] = when
        elif when is not None and step == "earliest":
            wakeups.earliest(key, when)
            table[key] = min(when, table.get(key, when))
        elif when is not None:
            due = {k for k, at in table.items() if at <= when}
            assert set(wakeups.pop_due(when)) == due
            table = {k: at for k, at in table.items() if k not in due}
        assert wakeups.head() == min(table.values(), default=None)
        assert len(wakeups) == len(table)


def test_what_is_outdated_does_not_pile_up() -> None:
    wakeups: Wakeups[float] = Wakeups()
    key = Key("Asset", "demo", "a")
    for when in range(10_000):
        wakeups.replace(key, float(when))
    assert len(wakeups._heap) <= SLACK + 4
    assert wakeups.get(key) == 9999.0
