"""The spec that a Job hands to its pod (docs/contract.md), parsed once at the edge.

Unknown keys are ignored, so that an operator may be newer than the image of a running Job.
"""

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from freshet.workloads.addresses import has_user
from freshet.workloads.errors import ConfigError

__all__ = [
    "Checks",
    "CountSpec",
    "Csv",
    "Databricks",
    "Dlt",
    "DuckDb",
    "IngestSpec",
    "RowChecks",
    "WarehouseSpec",
    "Write",
    "read_spec",
]


class _Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class DuckDb(_Struct, frozen=True, kw_only=True):
    """``schema``: where tables live. ``lockTimeout``: seconds to wait for the file, default
    ``FRESHET_LOCK_TIMEOUT`` or 120.
    """

    path: str
    schema: str = "main"
    lock_timeout: float | None = None


class Databricks(_Struct, frozen=True, kw_only=True):
    schema: str
    catalog: str | None = None


class Dlt(_Struct, frozen=True, kw_only=True):
    """``destination``: by its name in dlt; ``schema``: what dlt calls a dataset."""

    destination: str
    schema: str


class WarehouseSpec(_Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Exactly one of the three. What is left out stays out of a load's fingerprint."""

    duckdb: DuckDb | None = None
    databricks: Databricks | None = None
    dlt: Dlt | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.duckdb, self.databricks, self.dlt)) != 1:
            raise ValueError("warehouse must hold exactly one of duckdb, databricks and dlt")


class Csv(_Struct, frozen=True, kw_only=True):
    """A file or glob, and how to read it.

    ``schema`` maps column names to SQL types; what it leaves out is inferred. ``columns``: the names in order of a file
    without a header, which no map can tell: Kubernetes sorts its keys.
    """

    path: str
    schema: dict[str, str] | None = None
    columns: tuple[str, ...] | None = None
    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    null_strings: tuple[str, ...] = ("",)
    compression: Literal["auto", "none", "gzip", "zstd"] = "auto"
    date_format: str | None = None
    timestamp_format: str | None = None

    def __post_init__(self) -> None:
        if has_user(self.path):
            raise ValueError("csv.path holds a user or password: put it into the Secret that csv.secretRef names")
        if not self.header and self.schema and not self.columns:
            raise ValueError("csv.header false needs csv.columns, the names in order: csv.schema has no order")
        if not (self.quote + (self.escape or "")).isascii():
            raise ValueError("csv.quote and csv.escape are one ASCII character each")
        if self.delimiter in (self.quote, self.escape):
            raise ValueError("csv.delimiter is also csv.quote or csv.escape: a field could not be told from the next")

    @property
    def escaping(self) -> str:
        """What stands before a quote within quotes; empty where there are no quotes."""
        return self.escape or self.quote


class Write(_Struct, frozen=True, kw_only=True):
    """``adopt``: write into a table that freshet did not make. ``onDuplicateKey``: two rows of one load with
    the same key. ``onFileChange``: a file that ``append`` took before is not the same any more.
    """

    disposition: Literal["append", "replace", "merge"] = "append"
    primary_key: tuple[str, ...] = ()
    on_duplicate_key: Literal["fail", "keepLast", "quarantine"] = "fail"
    on_file_change: Literal["fail", "append"] = "fail"
    adopt: bool = False

    @property
    def may_grow(self) -> bool:
        """May a file that was taken have further rows?"""
        return self.on_file_change == "append"

    def __post_init__(self) -> None:
        if self.disposition == "merge" and not self.primary_key:
            raise ValueError("write.disposition merge needs write.primaryKey")
        if self.primary_key and self.disposition != "merge":
            raise ValueError("write.primaryKey is read by merge only: write disposition merge, or remove the key")


class RowChecks(_Struct, frozen=True, kw_only=True):
    minimum: int | None = None
    maximum: int | None = None
    maximum_drop_percent: float | None = None
    severity: Literal["error", "warn"] = "error"


class Checks(_Struct, frozen=True, kw_only=True):
    rows: RowChecks | None = None


class _Common(_Struct, frozen=True, kw_only=True):
    """``timeout``: seconds after which the Job is ended, so that no statement need take longer."""

    warehouse: WarehouseSpec
    timeout: int | None = None
    namespace: str = "default"
    pipeline: str = ""
    asset: str = ""
    key: str = ""
    data_time_column: str | None = None
    checks: Checks | None = None


class IngestSpec(_Common, frozen=True, kw_only=True):
    table: str
    csv: Csv
    write: Write = Write()
    on_bad_rows: Literal["fail", "quarantine", "drop"] = "fail"
    maximum_bad_rows: int | None = None
    on_schema_change: Literal["evolve", "fail"] = "evolve"


class CountSpec(_Common, frozen=True, kw_only=True):
    relation: str
    previous_rows: int | None = None


T = TypeVar("T", IngestSpec, CountSpec)


def read_spec(kind: type[T], *, path: str | None) -> T:
    """The spec from ``path`` or, without one, from ``FRESHET_SPEC``. Raises ConfigError with a sentence."""
    text = _file(path) if path else os.environ.get("FRESHET_SPEC", "").encode()
    if not text.strip():
        raise ConfigError("SpecMissing", "There is no spec: set FRESHET_SPEC or give --spec FILE (docs/contract.md).")
    try:
        return msgspec.convert(_without_nulls(msgspec.json.decode(text)), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise ConfigError("SpecInvalid", f"The spec does not fit: {error} (docs/contract.md has its form).") from error


def _without_nulls(value: Any) -> Any:
    """Absent and null are the same."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return value


def _file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError("SpecMissing", f"The spec file {path} cannot be read: {error.strerror}.") from error
