"""Exports that do not double quotes within quotes: each row is loaded once, or kept once with its own line and text, or
the whole load is refused with a sentence."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.parts.workloads.test_csv_oracle import parsed_by_freshet

from freshet.workloads.errors import DataRefused

WORDS = st.lists(st.sampled_from(["a", "b ", '5" ', '"hi" ', ", ", "\n", '"', "x"]), max_size=5).map("".join)
SLOPPY = st.one_of(
    st.tuples(st.just('{},"{}","{}"'), WORDS, WORDS),
    st.tuples(st.just('{},"{}",{}'), WORDS, WORDS),
    st.tuples(st.just('{},{},"{}"'), WORDS, WORDS),
)
GOOD = st.sampled_from([('{},"{}",{}', "v", "w"), ('{},{},"{}"', "v", "w")])
SCHEMA = {"id": "BIGINT", "v": "VARCHAR", "w": "VARCHAR"}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.one_of(GOOD, GOOD, SLOPPY), min_size=1, max_size=10),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    blank=st.integers(0, 12),
)
def test_no_row_is_lost_doubled_or_told_as_another(rows: list[tuple[str, str, str]], end: str, blank: int) -> None:
    texts = [form.format(1000 + at, v, w).replace("\n", end) + end for at, (form, v, w) in enumerate(rows)]
    good = [1000 + at for at, (_, *fields) in enumerate(rows) if fields == ["v", "w"]]
    content = "".join([f"id,v,w{end}", *texts[:blank], end, *texts[blank:]])
    try:
        with TemporaryDirectory() as folder:
            parsed, loaded = parsed_by_freshet(
                Path(folder), content, csv={"schema": SCHEMA}, onBadRows="quarantine", maximumBadRows=10**9
            )
    except DataRefused as error:
        if error.reason not in ("BadCsv", "TooManyBadRows"):
            raise
        return
    starts = [0, *(found.end() for found in re.finditer("\r\n|\n|\r", content))]
    for one in parsed.refused:
        assert one.raw
        assert content.startswith(one.raw, starts[one.line - 1]), "what is kept stands at its line"
    lines = [one.line for one in parsed.refused]
    ids = [row[0] for row in loaded]
    assert (len(set(lines)), len(set(ids))) == (len(lines), len(ids)), "none is kept or loaded twice"
    assert not {str(own) for own in ids} & {one.raw[:4] for one in parsed.refused}, "none is both"
    within = "\n".join([*(one.raw for one in parsed.refused), *(str(row[1:]) for row in loaded)])
    for own in good:
        assert (own, "v", "w") in loaded or (own not in ids and str(own) in within), "what is good is there"
