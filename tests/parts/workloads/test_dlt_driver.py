"""What drivers say of what they would refuse again, and of what passes: the former is no outage."""

import psycopg2
import pytest
from psycopg2 import errors

from freshet.workloads.dlt_driver import of_driver


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (psycopg2.OperationalError('FATAL:  role "loader" does not exist'), "AuthenticationFailed"),
        (psycopg2.OperationalError('FATAL:  no pg_hba.conf entry for host "10.0.0.1"'), "PermissionDenied"),
        (
            psycopg2.OperationalError("refused\nFATAL:  password authentication failed"),
            "AuthenticationFailed",
        ),
        (Exception("401 Unauthorized"), "AuthenticationFailed"),
        (errors.UndefinedColumn('column "nan" does not exist\nLINE 2: (401,nan)\n             ^'), "StatementRefused"),
        (errors.UndefinedColumn('column "401" does not exist'), "StatementRefused"),
        (errors.FeatureNotSupported("not in this version"), "StatementRefused"),
        (errors.InsufficientPrivilege("permission denied for table raw"), "PermissionDenied"),
        (errors.InsufficientPrivilege("must be owner of table raw"), "PermissionDenied"),
        (errors.RaiseException("no Sundays"), "ConstraintViolated"),
        (errors.DuplicateTable('relation "raw" already exists'), "WarehouseUnavailable"),
        (psycopg2.ProgrammingError("Statement reached its statement timeout"), "WarehouseUnavailable"),
        (errors.UniqueViolation('violates unique constraint "pg_type_typname_nsp_index"'), "WarehouseUnavailable"),
        (errors.DeadlockDetected("deadlock detected"), "WarehouseUnavailable"),
        (errors.AdminShutdown("terminating connection"), "WarehouseUnavailable"),
    ],
)
def test_only_what_passes_is_an_outage(error: Exception, reason: str) -> None:
    chain = [RuntimeError("the load failed"), error]
    found = of_driver(chain, name="postgres", what="the load of a.raw", relation="a.raw", counts=False)
    assert (found.reason, found.exit_code) == (reason, 4 if reason == "WarehouseUnavailable" else 2)


def test_an_error_that_was_dealt_with_on_the_way_does_not_count() -> None:
    chain = [psycopg2.OperationalError("server closed the connection"), errors.UndefinedColumn("no such column")]
    found = of_driver(chain, name="postgres", what="the load of a.raw", relation="a.raw", counts=False)
    assert found.reason == "WarehouseUnavailable"
