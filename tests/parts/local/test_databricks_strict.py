"""The stand-in refuses what Databricks would refuse, with its error condition, and takes what Databricks takes."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from databricks import sql
from tests.parts.local.databricks_client import asker, connected

from freshet.local.databricks.server import DatabricksServer


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    state = tmp_path_factory.mktemp("databricks")
    with DatabricksServer(state=state, token="t") as server, connected(server) as connection:
        run = asker(connection)
        run("CREATE SCHEMA main.kw")
        run("CREATE TABLE main.kw.t (a BIGINT, b STRING, `text` STRING, at TIMESTAMP)")
        yield run


NO_ROUTINE, NO_TABLE_FUNCTION = "[UNRESOLVED_ROUTINE]", "[UNRESOLVABLE_TABLE_VALUED_FUNCTION]"
NO_DIVISION = "[DIVIDE_BY_ZERO]"
NO_SYNTAX, NO_TYPE, NO_TABLE = "[PARSE_SYNTAX_ERROR]", "[UNSUPPORTED_DATATYPE]", "[TABLE_OR_VIEW_NOT_FOUND]"
STATES = {
    NO_DIVISION: "22012",
    NO_ROUTINE: "42883",
    NO_TABLE_FUNCTION: "42883",
    NO_SYNTAX: "42601",
    NO_TYPE: "0A000",
    NO_TABLE: "42P01",
}
REFUSED = {
    "SELECT epoch_ms(0)": NO_ROUTINE,
    "SELECT strptime('2026', '%Y')": NO_ROUTINE,
    "SELECT strftime(at, '%Y') FROM main.kw.t": NO_ROUTINE,
    "SELECT list_value(1, 2)": NO_ROUTINE,
    "SELECT gen_random_uuid()": NO_ROUTINE,
    "SELECT string_split(b, ',') FROM main.kw.t": NO_ROUTINE,
    "SELECT safe_cast(b AS INT) FROM main.kw.t": NO_ROUTINE,
    "SELECT hash_of(a) OVER (PARTITION BY b) FROM main.kw.t": NO_ROUTINE,
    "SELECT a FROM main.kw.t WHERE regexp_matches(b, 'x')": NO_ROUTINE,
    "MERGE INTO main.kw.t AS t USING (SELECT epoch_ms(0) AS at) AS s ON false WHEN NOT MATCHED THEN INSERT (at)"
    " VALUES (s.at)": NO_ROUTINE,
    "SELECT * FROM read_csv('/etc/passwd')": NO_TABLE_FUNCTION,
    "SELECT * FROM read_parquet('x.parquet')": NO_TABLE_FUNCTION,
    "SELECT * FROM duckdb_tables()": NO_TABLE_FUNCTION,
    "SELECT * FROM generate_series(1, 3)": NO_TABLE_FUNCTION,
    "SELECT * FROM pragma_table_info('t')": NO_TABLE_FUNCTION,
    "SELECT * FROM main.kw.duckdb_tables": NO_TABLE,
    "SELECT * FROM main.kw.sqlite_master": NO_TABLE,
    "SELECT * FROM main.information_schema.key_column_usage": NO_TABLE,
    "SELECT * FROM 'x.parquet'": NO_SYNTAX,
    "SELECT * EXCLUDE (a) FROM main.kw.t": NO_SYNTAX,
    "SELECT * EXCLUDE a FROM main.kw.t": NO_SYNTAX,
    "SELECT * REPLACE (1 AS a) FROM main.kw.t": NO_SYNTAX,
    "FROM main.kw.t": NO_SYNTAX,
    "SELECT (FROM main.kw.t)": NO_SYNTAX,
    "SELECT [1, 2]": NO_SYNTAX,
    "SELECT {'a': 1}": NO_SYNTAX,
    "SELECT b[1:2] FROM main.kw.t": NO_SYNTAX,
    "SELECT b ->> '$.a' FROM main.kw.t": NO_SYNTAX,
    "SELECT DISTINCT ON (a) a, b FROM main.kw.t": NO_SYNTAX,
    "SELECT * FROM main.kw.t ASOF JOIN main.kw.t AS u ON t.a >= u.a": NO_SYNTAX,
    "SELECT a FROM main.kw.t FETCH FIRST 1 ROWS ONLY": NO_SYNTAX,
    "SELECT b FROM main.kw.t WHERE b SIMILAR TO 'x'": NO_SYNTAX,
    "SELECT b FROM main.kw.t WHERE b GLOB 'x*'": NO_SYNTAX,
    "INSERT INTO main.kw.t (a) VALUES (1) ON CONFLICT DO NOTHING": NO_SYNTAX,
    "INSERT OR REPLACE INTO main.kw.t (a) VALUES (1)": NO_SYNTAX,
    "INSERT INTO main.kw.t (a) VALUES (1) RETURNING a": NO_SYNTAX,
    "DELETE FROM main.kw.t USING main.kw.t AS u WHERE t.a = u.a": NO_SYNTAX,
    "UPDATE main.kw.t SET a = 1 FROM main.kw.t AS u WHERE t.a = u.a": NO_SYNTAX,
    **{f"UPDATE main.kw.t SET a = 1 {more}": NO_SYNTAX for more in ("LIMIT 1", "ORDER BY a", "RETURNING a")},
    **{f"DELETE FROM main.kw.t {more}": NO_SYNTAX for more in ("LIMIT 1", "ORDER BY a LIMIT 1", "RETURNING a")},
    "UPDATE main.kw.t SET a = 1 WHERE a = 2 RETURNING *": NO_SYNTAX,
    **{f"DROP {what} main.kw.t {more}": NO_SYNTAX for what in ("TABLE", "VIEW") for more in ("CASCADE", "RESTRICT")},
    "CREATE INDEX i ON main.kw.t (a)": NO_SYNTAX,
    "CREATE SEQUENCE main.kw.s": NO_SYNTAX,
    "CREATE MACRO main.kw.m(a) AS a": NO_SYNTAX,
    "CREATE TYPE main.kw.e AS ENUM ('a')": NO_SYNTAX,
    "CREATE TABLE main.kw.u (a BIGINT UNIQUE)": NO_SYNTAX,
    "CREATE TABLE main.kw.u AS FROM main.kw.t": NO_SYNTAX,
    "PRAGMA version": NO_SYNTAX,
    "INSTALL httpfs": NO_SYNTAX,
    "EXPORT DATABASE 'x'": NO_SYNTAX,
    "COPY main.kw.t TO 'x.csv'": NO_SYNTAX,
    "SUMMARIZE main.kw.t": NO_SYNTAX,
    "CHECKPOINT": NO_SYNTAX,
    "SELECT 1; SELECT 2": NO_SYNTAX,
    **{f"SELECT CAST(a AS {kind}) FROM main.kw.t": NO_TYPE for kind in ("HUGEINT", "UUID", "TIMESTAMPTZ", "TEXT")},
    **{f"SELECT a::{kind} FROM main.kw.t": NO_TYPE for kind in ("UBIGINT", "BLOB", "INT8", "BOOL", "TIME", "JSON")},
    **{f"CREATE TABLE main.kw.u (a {kind})": NO_TYPE for kind in ("DATETIME", "BIT", "FLOAT8", "VARBINARY", "NOPE")},
    **{f"ALTER TABLE main.kw.t ADD COLUMNS (c {kind})": NO_TYPE for kind in ("HUGEINT", "TIMESTAMP_S")},
    "CREATE TABLE main.kw.u (a VARCHAR)": "[DATATYPE_MISSING_SIZE]",
    "SELECT rowid FROM main.kw.t": "[UNRESOLVED_COLUMN",
    **{f"SELECT {one}": NO_DIVISION for one in ("1 / 0", "1.5 / 0", "1 / (1 / (1 - 1))", "1 DIV 0")},
    **{f"SELECT x / y FROM VALUES ({x}, {y}) AS v(x, y)": NO_DIVISION for x, y in ((0, 0), (1, "0.0"))},
    "SELECT 1 % 0": "[REMAINDER_BY_ZERO]",
    **{f"INSERT INTO main.kw.t {rows}": "[DELTA_INSERT_COLUMN_ARITY_MISMATCH]" for rows in ("VALUES (2)", "SELECT 2")},
    "INSERT INTO main.kw.t (a, b) VALUES (2)": "[INSERT_COLUMN_ARITY_MISMATCH.NOT_ENOUGH_DATA_COLUMNS]",
    "INSERT INTO main.kw.t (a) SELECT 2, 3": "[INSERT_COLUMN_ARITY_MISMATCH.TOO_MANY_DATA_COLUMNS]",
    "ALTER TABLE main.kw.t DROP COLUMN b": "[DELTA_UNSUPPORTED_DROP_COLUMN]",
    "ALTER TABLE main.kw.t RENAME COLUMN b TO c": "[DELTA_UNSUPPORTED_RENAME_COLUMN]",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_what_only_others_know_is_refused(ask: Any, statement: str) -> None:
    kind = REFUSED[statement]
    with pytest.raises(sql.ServerOperationError) as caught:
        ask(statement)
    assert kind in str(caught.value)
    assert f"SQLSTATE: {STATES.get(kind, '')}" in str(caught.value)


TAKEN = {
    "SELECT current_catalog(), current_schema(), current_database()": ("main", "default", "default"),
    "SELECT upper('a'), coalesce(NULL, 1), nvl(NULL, 2), if(true, 1, 2), iff(false, 1, 2)": ("A", 1, 2, 1, 2),
    "SELECT CASE (1) WHEN 1 THEN 'one' END, CAST('1' AS INT), '2'::BIGINT, try_cast('x' AS INT)": ("one", 1, 2, None),
    "SELECT CAST('1.5' AS DECIMAL(9, 2)) > 1, DATE '2026-01-02', year(DATE '2026-01-02')": (
        True,
        date(2026, 1, 2),
        2026,
    ),
    "SELECT 7 / 2, x / y, x / nullif(0, 0), IF(y = 0, 1 / 0, 1), try_divide(1, 0) FROM VALUES (3, 2) AS v(x, y)": (
        *(3.5, 1.5, None, 1, None),
    ),
    "SELECT current_timezone()": ("UTC",),
    "SELECT 1 <=> NULL, 7 % 4, 7 DIV 4, 'a' || 'b', \"text\"": (False, 3, 1, "ab", "text"),
    "SELECT * EXCEPT (b, `text`, at) FROM (SELECT 1 AS a, 2 AS b, 3 AS text, 4 AS at)": (1,),
    "SELECT text FROM (SELECT 'x' AS text)": ("x",),
    "SELECT count(*), count_if(a > 1), max(b) FROM VALUES (1, 'x'), (2, 'y') AS v(a, b)": (2, 1, "y"),
    "SELECT a FROM VALUES (1), (2) AS v(a) QUALIFY row_number() OVER (ORDER BY a DESC) = 1": (2,),
    "SELECT a, sum(b) FROM VALUES (1, 2), (1, 3) AS v(a, b) GROUP BY ALL": (1, 5),
    "WITH s(a) AS (SELECT 1) SELECT a FROM s WHERE EXISTS (SELECT 1 FROM s WHERE a IN (1)) AND (a = 1)": (1,),
    "SELECT filter(array(1, 2), x -> x > 1)[0], size(array(1, 2))": (2, 2),
}


@pytest.mark.parametrize("query", TAKEN)
def test_what_databricks_knows_is_taken(ask: Any, query: str) -> None:
    assert ask(query) == [TAKEN[query]]
