"""What a Secret and a Job hand to the connector, and what Databricks says of it, by the real connector."""

import os
from typing import Any

import msgspec
import pytest
from tests.parts.workloads.lake import Lake

from freshet.workloads.count import count_rows
from freshet.workloads.databricks_sql import LONGEST, connection_options
from freshet.workloads.spec import CountSpec


def count(lake: Lake, **more: Any) -> dict[str, Any]:
    warehouse = {"databricks": {"schema": lake.schema, "catalog": "main"}}
    return dict(count_rows(msgspec.convert({"warehouse": warehouse, "relation": "raw", **more}, CountSpec)))


@pytest.mark.parametrize(("seconds", "set_"), [(60, 60), (LONGEST, LONGEST), (3 * 86_400, LONGEST)])
def test_no_statement_is_given_longer_than_databricks_takes(lake: Lake, seconds: int, set_: int) -> None:
    """A Job may take longer: Databricks would not open a session."""
    options = connection_options(os.environ, timeout=seconds)
    assert options["session_configuration"] == {"STATEMENT_TIMEOUT": str(set_)}
    lake.write("id,v\n1,a\n")
    assert lake.load(timeout=seconds)["rows"] == count(lake, timeout=seconds)["rows"] == 1
