"""How rows of a merge into DuckDB are compared: a digest tells as much as the values themselves."""

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshet.workloads.columns import Column
from freshet.workloads.compared import compared, digest

COLUMNS = [
    Column(name="a", type="VARCHAR"),
    Column(name="b", type="VARCHAR"),
    Column(name="c", type="BIGINT"),
    Column(name="d", type="DOUBLE"),
]
TEXT = st.text(st.sampled_from("-#:;1a"), max_size=4) | st.sampled_from(["x" * 63, "x" * 64, "x" * 1_023, "x" * 1_024])
ROW = st.tuples(
    st.none() | TEXT, st.none() | TEXT, st.none() | st.integers(-11, 11), st.none() | st.sampled_from([1, 11, -1, 0.5])
)


def found(query: str, *rows: tuple[object, ...]) -> list[tuple[object, ...]]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE t (a VARCHAR, b VARCHAR, c BIGINT, d DOUBLE)")
        con.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", list(map(list, rows)))
        return list(con.execute(f"SELECT {query} FROM t ORDER BY rowid").fetchall())


@settings(max_examples=300, deadline=None)
@given(ROW, ROW)
@example(("a", "b:1", 1, 1), ("a1:b", ":1", 1, 1))
@example((None, "-", 1, 1), ("-", None, 1, 1))
@example(("", None, 1, 11), (None, "", 11, 1))
def test_rows_have_one_digest_if_they_are_one(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    for query in (digest(COLUMNS), ", ".join(map(compared, COLUMNS))):
        first, second = found(query, one, other)
        assert (first == second) == (one == other), query


def test_a_text_may_be_the_digest_of_another() -> None:
    """Whatever it is made of: no text that is compared as it is has the length of a digest."""
    long = "y" * 2_000
    [(own, part)] = found("repeat(sha256(a), 16), '#' || sha256(a)", (long, "", 0, 0))
    for query in (digest(COLUMNS), compared(COLUMNS[0])):
        rows = found(query, *((text, "", 0, 0) for text in (long, own, part)))
        assert len(set(rows)) == 3
