"""What a statement writes, told from its tree."""

from typing import Any

from sqlglot import exp

from freshet.local.databricks.history import Names, Write

__all__ = ["names_of", "write_of"]


def names_of(table: Any) -> Names:
    return (table.catalog, table.db, table.name)


def write_of(tree: Any) -> Write | None:
    """None where it is no table of Delta's that is written: a view, a schema."""
    table = tree.find(exp.Table)
    if isinstance(tree, exp.Insert):
        return Write(table=names_of(table), kind="change" if _reads_its_own(tree, table) else "append")
    if isinstance(tree, exp.Update | exp.Delete | exp.Merge | exp.TruncateTable):
        return Write(table=names_of(table), kind="change")
    if str(tree.args.get("kind")).upper() != "TABLE":
        return None
    if isinstance(tree, exp.Create):
        return Write(table=names_of(table), kind="replace" if tree.args.get("replace") else "create")
    if isinstance(tree, exp.Drop):
        return Write(table=names_of(table), kind="drop")
    renamed = tree.find(exp.AlterRename)
    if renamed is not None:
        return Write(table=names_of(table), kind="rename", to=names_of(renamed.this))
    return Write(table=names_of(table), kind="metadata")


def _reads_its_own(tree: Any, table: Any) -> bool:
    if tree.args.get("overwrite"):
        return True
    return any(names_of(one) == names_of(table) for one in tree.expression.find_all(exp.Table))
