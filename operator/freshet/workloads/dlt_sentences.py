"""What dlt says, for people: its own words may hold values and stay in the log."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from freshet.workloads.dlt_driver import of_driver
from freshet.workloads.errors import ConfigError, WorkloadError, missing
from freshet.workloads.spec import Dlt

__all__ = ["sentence"]


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
            return missing(relation)
    return of_driver(chain, name=name, what=what, relation=relation, counts=counts)


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


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        found = found.__cause__ or found.__context__
