"""What dlt and the drivers of its destinations say, for people: their own words may hold values and stay in the log."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from freshet.workloads.errors import ConfigError, InputError, Unavailable, WorkloadError, unfit
from freshet.workloads.spec import Dlt

__all__ = ["sentence"]

_REFUSED = r"authentication failed|no password supplied|invalid credentials|login failed|password is incorrect|\b401\b"
_RACE = r"pg_(type|class|namespace|attribute)_"
"""Two that make one table at once stumble over a rule of PostgreSQL's own catalog."""
_FORBIDDEN = r"permission denied|insufficient privileg|not authorized|access denied|\b403\b"
_NO_TLS = (
    r"does not support SSL|certificate verify failed|does not match host name|invalid sslmode value"
    r"|root certificate file .* does not exist"
)
_NOWHERE = (
    r"could not translate host name|name or service not known|database \"[^\"]*\" does not exist|unknown database"
)


def sentence(error: Exception, *, where: Dlt, what: str, relation: str, counts: bool = False) -> WorkloadError:
    """What dlt or a driver said, for people; their own words may hold values and stay in the log of ``--debug``.

    ``counts``: of ``relation`` alone; else it was a load into it.
    """
    from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
    from dlt.common.destination.exceptions import DestinationUndefinedEntity, UnknownDestinationModule
    from dlt.common.exceptions import MissingDependencyException

    name, chain = where.destination, list(_chain(error))
    for one in chain:
        if isinstance(one, MissingDependencyException):
            wanted = ", ".join(one.dependencies)
            return ConfigError(
                "DriverMissing",
                f"The image of this Job lacks what dlt's destination {name} needs ({wanted}): set jobs.image to one"
                " that has it (docs/loads.md, Other destinations).",
            )
        if isinstance(one, UnknownDestinationModule):
            return ConfigError("WarehouseUnsupported", f"dlt ships no destination {name}: mend warehouse.dlt.")
        if isinstance(one, ConfigFieldMissingException):
            return _missing(name, _fields(one.traces))
        if isinstance(one, ConfigurationException):
            return _missing(name, ["credentials"], how="has settings that cannot be read, first of all")
        if isinstance(one, DestinationUndefinedEntity):
            return InputError(
                "RelationMissing",
                f"There is no table or view {relation} in the warehouse: build it first, or mend the count's relation.",
            )
    if found := _of_rows(chain, relation, counts=counts):
        return found
    return _of_driver(" / ".join(map(str, chain)), type(chain[-1]).__name__, name=name, what=what)


def _of_rows(chain: Iterable[BaseException], relation: str, *, counts: bool) -> WorkloadError | None:
    """What the table does not take, or a view cannot make, by the classes that each driver has (PEP 249)."""
    for one in chain:
        kinds = {kind.__name__ for kind in type(one).__mro__}
        if kinds & {"IntegrityError", "DataError"} and not re.search(_RACE, str(one)):
            if counts:
                return unfit(relation)
            return InputError(
                "ConstraintViolated",
                f"Rows of this load do not fit {relation}, which has a rule for them (NOT NULL, a key, a CHECK) or a"
                " column too short or small for a value: nothing is reported as loaded; mend the export or the table;"
                " --debug shows which it is.",
            )
    return None


def _fields(traces: Mapping[str, Iterable[Any]]) -> Iterator[str]:
    """Each setting that is missing; of one that consists of others those parts, where some of them are there.

    ``traces``: where dlt has looked for each; for one of several forms it may have, a list of their parts.
    """
    for name, tries in traces.items():
        begun = [one for one in tries if getattr(one, "resolved_fields_set", None)]
        if begun:
            nearest = min(begun, key=lambda one: len(one.traces))
            yield from (f"{name}__{part}" for part in _fields(nearest.traces))
        else:
            yield name


def _missing(name: str, fields: Iterable[str], *, how: str = "lacks") -> ConfigError:
    wanted = ", ".join(f"DESTINATION__{name}__{field}".upper() for field in fields)
    return ConfigError("CredentialsMissing", f"dlt's destination {name} {how} {wanted}: see warehouse.dlt.secretRef.")


def _of_driver(text: str, kind: str, *, name: str, what: str) -> WorkloadError:
    if re.search(_REFUSED, text, re.IGNORECASE):
        return ConfigError(
            "AuthenticationFailed",
            f"dlt's destination {name} refuses the credentials: renew them in the Secret (warehouse.dlt.secretRef).",
        )
    if re.search(_NO_TLS, text, re.IGNORECASE):
        return ConfigError(
            "WarehouseUnsupported",
            f"The server of dlt's destination {name} does not have the TLS that its credentials ask for: mend sslmode"
            " and certificates in the Secret (warehouse.dlt.secretRef), or on the server.",
        )
    if re.search(_NOWHERE, text, re.IGNORECASE):
        return ConfigError(
            "WarehouseMissing",
            f"The host or the database that the credentials of dlt's destination {name} name does not exist: mend the"
            " Secret (warehouse.dlt.secretRef).",
        )
    if re.search(_FORBIDDEN, text, re.IGNORECASE):
        return ConfigError("PermissionDenied", f"The credentials for {name} do not allow {what}: grant what it needs.")
    return Unavailable(
        "WarehouseUnavailable",
        f"dlt's destination {name} did not do {what} ({kind}): it is tried again; --debug shows the details.",
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        found = found.__cause__ or found.__context__
