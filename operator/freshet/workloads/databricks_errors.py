"""What goes wrong in a load into Databricks: look again, or a sentence for people."""

from freshet.workloads.databricks_sql import UNREACHED, error_class, sentence
from freshet.workloads.errors import AnswerLost, TableMoved, Unavailable
from freshet.workloads.space import is_full, too_little
from freshet.workloads.warehouse import breaks_rule

__all__ = ["incomplete", "sorted_out"]

_MOVED = (
    "DELTA_CONCURRENT",
    "DELTA_METADATA_CHANGED",
    "DELTA_PROTOCOL_CHANGED",
    "DELTA_SCHEMA_CHANGE",
    "FIELD_ALREADY_EXISTS",
    "FIELDS_ALREADY_EXISTS",
    "TABLE_OR_VIEW_NOT_FOUND",
    "TABLE_OR_VIEW_ALREADY_EXISTS",
    "SCHEMA_NOT_FOUND",
    "UNRESOLVED_COLUMN",
    "RESOURCE_DOES_NOT_EXIST",
    "VOLUME_",
)
"""What another load of the same table, or the answer to a statement that is repeated, looks like from here: look again.

Spark 4 renamed FIELDS_ALREADY_EXISTS (SPARK-48176).
"""

_RULES = (
    *("DELTA_NOT_NULL_CONSTRAINT", "DELTA_VIOLATE_CONSTRAINT"),
    *("DELTA_EXCEED_CHAR_VARCHAR_LIMIT", "EXCEED_LIMIT_LENGTH"),
)


def sorted_out(error: Exception, *, relation: str, host: str) -> Exception:
    """Moved, lost, or a sentence."""
    if is_full(error):
        return too_little(f"what goes to {relation}")
    cause = _telling(error)
    kind = error_class(cause)
    if kind.startswith(_MOVED):
        return TableMoved()
    if kind.startswith(_RULES):
        return breaks_rule(relation)
    if kind == "USER_RAISED_EXCEPTION":
        return AnswerLost(incomplete(f"Rows arrived late beside {relation}"))
    cause.__cause__ = error
    found = sentence(cause, what=f"the load of {relation}", relation=relation, host=host)
    is_lost = isinstance(found, Unavailable) and not kind and UNREACHED not in str(cause)
    return AnswerLost(found) if is_lost else found


def incomplete(what: str) -> Unavailable:
    """Not all rows are where they should be."""
    return Unavailable("LoadIncomplete", f"{what}: nothing is reported as loaded; it is tried again.")


def _telling(error: BaseException) -> Exception:
    """The first complaint below dlt's that names its class, or else all of them in one."""
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        if error_class(found):
            return Exception(str(found))
        chain.append(found)
        found = found.__cause__ or found.__context__
    return Exception(" / ".join(f"{type(one).__name__}: {one}" for one in chain))
