"""Any destination that dlt ships and that speaks SQL, opened by its name; settings come from the pod's environment.

dlt's own configuration is all there is: the keys of ``warehouse.dlt.secretRef`` are variables of the pod, named as dlt
names its settings (docs/loads.md, "Other destinations").
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from freshet.workloads.dlt_factory import destination
from freshet.workloads.dlt_load import heed_signals, prepare
from freshet.workloads.dlt_sentences import sentence
from freshet.workloads.errors import AnswerLost, ConfigError, TableMoved, WorkloadError
from freshet.workloads.spec import Dlt
from freshet.workloads.waiting import waits_for

__all__ = ["Place", "normalized", "opened"]


class Place:
    """One dataset (schema) of a destination. ``client`` is dlt's job client, connected."""

    def __init__(self, *, pipeline: Any, client: Any) -> None:
        self._pipeline = pipeline
        self._client = client
        self._sql = client.sql_client

    @property
    def capabilities(self) -> Any:
        return self._client.capabilities

    @property
    def schema(self) -> str:
        return str(self._sql.dataset_name)

    def table(self, name: str) -> str:
        """As dlt calls the table of that name."""
        return str(self._client.schema.naming.normalize_table_identifier(name))

    def column(self, name: str) -> str:
        """As dlt calls the column of that name: long ones are shortened to what the destination takes."""
        return str(self._client.schema.naming.normalize_identifier(name))

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement, whose ``%s`` marks are filled by ``values``. Raises what dlt raises."""
        return [tuple(row) for row in self._sql.execute_sql(statement, *values) or ()]

    def named(self, table: str) -> str:
        """The table in full, quoted for a statement."""
        return str(self._sql.make_qualified_table_name(self.table(table)))

    def quoted(self, name: str) -> str:
        return str(self._sql.escape_column_name(name))

    @property
    def is_postgres(self) -> bool:
        """Or what is spoken to by its driver."""
        return getattr(getattr(self._sql, "dbapi", None), "__name__", "") == "psycopg2"

    def columns(self, table: str) -> dict[str, Mapping[str, Any]]:
        """dlt's view of the table's columns, by name; in lower case, but for those that it cannot write.

        Empty where there is no table.
        """
        found: dict[str, Mapping[str, Any]] = self._client.get_storage_table(self.table(table))[1]
        return {name.lower() if self._is_reached(name) else name: column for name, column in found.items()}

    def writes(self, name: str) -> bool:
        """Whether dlt can write the column that ``columns`` calls so: ``unit price`` would become ``unit_price``."""
        return bool(self._client.schema.naming.normalize_path(name) == name)

    def _is_reached(self, name: str) -> bool:
        """dlt folds every name; where case tells names apart, ``eventId`` is none that it writes."""
        fold: Callable[[str], str] = self.capabilities.casefold_identifier
        is_folded = fold(name) == name or not self.capabilities.has_case_sensitive_identifiers
        return is_folded and self.writes(name.lower())

    def names(self, relation: str) -> list[str]:
        """The columns of a table or view, which may lie in any schema; ``relation`` is quoted."""
        with self._sql.execute_query(f"SELECT * FROM {relation} WHERE 1 = 0") as cursor:
            return [str(name) for name in cursor._get_columns()]  # not every driver has a description

    def relation(self, parts: Sequence[tuple[str, bool]]) -> str:
        """Names that were not quoted, (name, False), are folded as this destination folds them."""
        fold: Callable[[str], str] = self.capabilities.casefold_identifier
        escape: Callable[[str], str] = self.capabilities.escape_identifier
        return ".".join(self._exact(name) if quoted else escape(fold(name)) for name, quoted in parts)

    def _exact(self, name: str) -> str:
        """The name as it is. sqlalchemy has an escaping of its own, and takes ``:b`` for a mark."""
        dialect = getattr(self._sql, "dialect", None)
        if dialect is None:
            return str(self.capabilities.escape_identifier(name))
        return str(dialect.identifier_preparer.quote(name)).replace(":", r"\:")

    def afresh(self, resource: Any, *, table: str, names: Iterable[str], mark: str) -> Any:
        """The resource; where the table lacks a column of ``names``, with a ``mark`` that makes its schema a new one.

        dlt looks at no table whose schema it has seen before, so that one which was dropped by hand would stay away.
        """
        if not set(names) <= set(self.columns(table)):
            resource.apply_hints(additional_table_hints={"description": mark})
        return resource

    def run(self, resources: Iterable[Any], *, file_format: str | None = None) -> None:
        """One dlt package, loaded to its end. Raises what dlt raises.

        dlt uses connections of its own. This one is closed meanwhile: one that is old may have been cut off, or not see
        what others have done since.
        """
        import dlt

        made = list(resources)
        name = self._client.schema.name
        source = dlt.source(lambda: made, name=name, max_table_nesting=0)()
        self._sql.close_connection()
        heed_signals()
        try:
            self._pipeline.run(source, loader_file_format=file_format).raise_on_failed_jobs()
        finally:
            self._sql.open_connection()


def normalized(name: str) -> str:
    """As dlt writes a name: in snake_case, where ``a__b`` becomes ``a_b``."""
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    return str(NamingConvention().normalize_table_identifier(name))


@contextmanager
def opened(where: Dlt, *, name: str, what: str, relation: str, counts: bool = False) -> Iterator[Place]:
    """A connection. ``name``: of dlt's pipeline and schema; ``what`` is being done, such as "the load of a.b".
    ``counts``: nothing is written.

    What goes wrong inside becomes a WorkloadError with a sentence.
    """
    with tempfile.TemporaryDirectory(prefix="freshet-dlt-") as folder:
        prepare(Path(folder))
        os.environ["SCHEMA__NAMING"] = "snake_case"
        try:
            pipeline = _pipeline(where, name=name, folder=Path(folder), counts=counts)
            with _client(pipeline, where) as client:
                yield Place(pipeline=pipeline, client=client)
        except Exception as error:
            if _is_ours(error):
                raise
            raise sentence(error, where=where, what=what, relation=relation, counts=counts) from error


def _is_ours(error: Exception) -> bool:
    return isinstance(error, (WorkloadError, TableMoved, AnswerLost))


def _pipeline(where: Dlt, *, name: str, folder: Path, counts: bool) -> Any:
    """Fresh each time: nothing that an earlier run left comes along, nothing is restored from the destination."""
    import dlt

    made = destination(where, counts=counts)
    pipeline = dlt.pipeline(name, pipelines_dir=str(folder / "pipelines"), destination=made, dataset_name=where.schema)
    pipeline.config.restore_from_destination = False
    return pipeline


@contextmanager
def _client(pipeline: Any, where: Dlt) -> Iterator[Any]:
    from dlt.common.schema import Schema
    from dlt.destinations.job_client_impl import SqlJobClientBase

    pipeline._inject_schema(Schema(pipeline.pipeline_name))
    with ExitStack() as stack:
        with waits_for(f"dlt's destination {where.destination} to answer"):
            client = stack.enter_context(pipeline.destination_client())
        if not isinstance(client, SqlJobClientBase):
            raise ConfigError(
                "WarehouseUnsupported",
                f"dlt's destination {where.destination} has no tables that SQL could read back, which freshet needs to"
                " know what it loaded: use one that has, such as postgres or snowflake.",
            )
        yield client
