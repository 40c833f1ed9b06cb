"""What loads and counts do not find in Databricks is one sentence: relations, catalogs, types."""

import pytest
from tests.parts.workloads.lake import Lake, count

from freshet.workloads.errors import WorkloadError


@pytest.mark.parametrize(
    ("relation", "column", "reason"),
    [
        ("nope", None, "RelationMissing"),
        ("nope.raw", None, "RelationMissing"),
        ("raw", "nope", "DataTimeColumnMissing"),
    ],
)
def test_a_count_names_what_is_missing(lake: Lake, relation: str, column: str | None, reason: str) -> None:
    lake.write("id,v\n1,a\n")
    lake.load()
    with pytest.raises(WorkloadError) as caught:
        count(lake, relation, dataTimeColumn=column)
    assert (caught.value.reason, caught.value.exit_code) == (reason, 2)


def test_a_view_whose_table_is_gone_is_no_view_that_is_missing(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    lake.load()
    lake.query("CREATE VIEW {v} AS SELECT * FROM {raw}; DROP TABLE {raw}")
    with pytest.raises(WorkloadError, match="what it is built from is missing") as caught:
        count(lake, "v")
    assert (caught.value.reason, caught.value.exit_code) == ("RelationBroken", 2)


@pytest.mark.parametrize(
    "error",
    [
        "[TABLE_OR_VIEW_NOT_FOUND] The table or view `hive_metastore`.`information_schema`.`tables` cannot be found.",
        "[SCHEMA_NOT_FOUND] The schema `hive_metastore`.`information_schema` cannot be found.",
        "[INSUFFICIENT_PERMISSIONS] Insufficient privileges: User does not have USE CATALOG on Catalog 'main'.",
    ],
)
def test_a_catalog_that_tells_nothing_is_one_sentence(lake: Lake, error: str) -> None:
    lake.write("id,v\n1,a\n")
    lake.faults({"action": "refuse", "statement": "information_schema", "error": error, "times": None})
    with pytest.raises(WorkloadError, match="no information_schema in the catalog main") as caught:
        lake.load()
    assert (caught.value.reason, caught.value.exit_code) == ("CatalogUnreadable", 2)
    assert not any(text.startswith("CREATE") for text in lake.asked())


def test_a_catalog_that_is_not_there_is_one_sentence(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    with pytest.raises(WorkloadError, match="catalog of nowhere") as caught:
        lake.load(warehouse={"databricks": {"schema": "kw", "catalog": "nowhere"}})
    assert (caught.value.reason, caught.value.exit_code) == ("RelationMissing", 2)


def test_types_that_databricks_lacks_are_named(lake: Lake) -> None:
    lake.write("id,v\n1,a\n")
    with pytest.raises(WorkloadError, match="HUGEINT") as caught:
        lake.load(csv={"schema": {"id": "HUGEINT"}})
    assert caught.value.reason == "TypeUnknown"
