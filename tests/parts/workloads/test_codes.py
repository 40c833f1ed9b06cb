"""What looks like a number and is none: codes in a column that the table has as a number, or that is declared so."""

from pathlib import Path

import pytest
from tests.parts.workloads.conftest import World
from tests.parts.workloads.made_ready import loadable, made_ready
from tests.parts.workloads.writes import GROW

from freshet.workloads.errors import InputError

CODES = ["007", "-007", " 007 ", "00", "+49170", "+5 "]
NUMBERS = ["7", "-7", "0", "-0", " 7 "]
FRACTIONS = ["0.5", "+0.5", "1e5", "7.0"]
KINDS = {
    "BIGINT": NUMBERS,
    "UTINYINT": ["7", "0"],
    "HUGEINT": NUMBERS,
    "DOUBLE": [*NUMBERS, *FRACTIONS],
    "FLOAT": [*NUMBERS, *FRACTIONS],
    "DECIMAL(20,2)": [*NUMBERS, *FRACTIONS],
}


def content(values: list[str]) -> str:
    return "id,v\n" + "".join(f"{at},{value}\n" for at, value in enumerate(values))


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_in_a_column_of_numbers_is_a_bad_row_unless_it_is_declared_a_number(tmp_path: Path, kind: str) -> None:
    """Zip codes and phone numbers, which inference leaves text: as numbers they would be others, and a key, too."""
    numbers, values = KINDS[kind], [*KINDS[kind], *CODES, "007.5"]
    table = {"id": "BIGINT", "v": kind}
    held = made_ready(tmp_path, content(values), table=table, onBadRows="drop")
    assert [values[at] for (at,) in loadable(held, "id")] == numbers
    assert [one.line - 2 for one in held.parsed.refused] == list(range(len(numbers), len(values)))
    if kind != "UTINYINT":
        fits = [*KINDS[kind], *CODES]
        told = made_ready(tmp_path, content(fits), table=table, csv={"schema": {"v": kind}})
        assert (told.rows, told.parsed.rejected) == (len(fits), 0)


def test_a_column_that_has_become_one_of_codes_is_a_change(tmp_path: Path) -> None:
    table = {"id": "BIGINT", "v": "BIGINT"}
    with pytest.raises(
        InputError, match=r"Column v is BIGINT in the table, but its values .* are codes \(first in line 2"
    ):
        made_ready(tmp_path, content(["02134", "+49170"]), table=table, onBadRows="drop")
    with pytest.raises(InputError, match=r"not one of its values .* is"):
        made_ready(tmp_path, content(["02134a", "+49170b"]), table=table, onBadRows="drop")
    ready = made_ready(tmp_path, content(["02134", "10001"]), table=table, onBadRows="drop")
    assert loadable(ready) == [(1, 10001)]


def test_a_column_of_codes_and_words_is_not_said_to_be_one_of_codes(tmp_path: Path) -> None:
    """It was, with the line of a word, and advice that leaves it a bad row."""
    with pytest.raises(InputError, match=r"not one of its values .* is \(first in line 2\)"):
        made_ready(tmp_path, content(["abc", "007"]), table={"id": "BIGINT", "v": "BIGINT"}, onBadRows="drop")


@pytest.mark.parametrize("kind", ["BIGINT", "DOUBLE", "FLOAT", "DECIMAL(9,2)"])
def test_a_number_has_no_underscore(tmp_path: Path, kind: str) -> None:
    ready = made_ready(tmp_path, content(["1_000", "1000"]), csv={"schema": {"v": kind}}, onBadRows="drop")
    assert loadable(ready, "id") == [(1,)]


def test_a_code_is_no_key_of_another_row(world: World) -> None:
    world.write("id,v\n7,a\n8,b\n")
    merge = {"disposition": "merge", "primaryKey": ["id"]}
    world.load(write=merge)
    world.write("id,v\n007,c\n8,d\n")
    assert world.load(write=merge, onBadRows="drop")["rowsRejected"] == 1
    assert world.rows() == [(7, "a"), (8, "d")]


def test_a_code_in_rows_that_a_file_got_is_a_bad_row(world: World) -> None:
    world.write("id,v\n1,90210\n")
    world.load(write=GROW)
    world.write("id,v\n1,90210\n2,02134\n")
    assert world.load(write=GROW, onBadRows="drop")["samples"][0]["line"] == 3
    assert world.rows() == [(1, 90210)]
