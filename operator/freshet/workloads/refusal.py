"""An input that was refused and has not changed is refused again from what is recorded: the warehouse sleeps on.

The mark of a refusal is of the input, of all settings that could let it pass, and of this freshet. Some refusals only
the input or the spec can mend. Others a person may mend in the table: those are looked at again after an hour, and
then after as long as they have stood, at most a day. What passes by itself is never remembered.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from freshet import __version__
from freshet.workloads.errors import ConfigError, DataRefused, InputError, WorkloadError
from freshet.workloads.log import LOG
from freshet.workloads.look import Input
from freshet.workloads.result import parse_time, rfc3339
from freshet.workloads.spec import IngestSpec

__all__ = ["expect_none", "remembered"]

SOON = timedelta(hours=1)
LATE = timedelta(days=1)
_OF_INPUT = (
    *("BadCsv", "BadEncoding", "BadRows", "ColumnDoubled", "ColumnMissing", "ColumnUnnamed", "DuplicateKeys"),
    *("EncodingUnknown", "FormatInvalid", "HeaderUnreadable", "KeyMissing", "NoRows", "PrimaryKeyMissing"),
    *("TooManyBadRows", "TypeUnknown"),
)
_OF_TABLE = (
    *("DataTimeColumnMissing", "DataTimeColumnType", "FileChanged", "NotATable", "SchemaChanged", "SchemaConflict"),
    *("ConstraintViolated", "DuplicateKeysInTable", "TableNotOurs"),
)
_OF_PACKING = "FileUnreadable"
"""Of a file that cannot be unpacked; a volume that fails to read it may do so again in a moment."""
_KINDS = {kind.exit_code: kind for kind in (DataRefused, InputError)}


def expect_none(last: Mapping[str, Any], *, spec: IngestSpec, found: Input, now: datetime) -> None:
    """Raises the refusal that ``last`` (the newest recorded result) tells of, where it is still in force."""
    known = last.get("refused")
    if not isinstance(known, dict) or known.get("input") != _mark(spec, found):
        return
    again = _next_look(known)
    if again is not None and now >= again:
        LOG.info("The input is still the one that was refused: looking whether the table takes it by now.")
        return
    until = f" until {again:%Y-%m-%d %H:%M} UTC" if again else ""
    LOG.info("Nothing has changed since this was refused: the warehouse is not opened for it%s.", until)
    error = _KINDS.get(known.get("exitCode", 0), ConfigError)(str(known["reason"]), str(known["message"]))
    error.refused = known
    raise error


@contextmanager
def remembered(last: Mapping[str, Any], *, spec: IngestSpec, found: Input, now: datetime) -> Iterator[None]:
    """What is refused within is marked, so that the next pod may be told."""
    try:
        yield
    except WorkloadError as error:
        error.refused = _record(error, last, mark=_mark(spec, found), now=now)
        raise


def _record(error: WorkloadError, last: Mapping[str, Any], *, mark: str, now: datetime) -> dict[str, Any] | None:
    if error.reason not in (*_OF_INPUT, *_OF_TABLE) and not _is_broken(error):
        return None
    known = last.get("refused") or {}
    stands = known.get("input") == mark and known.get("reason") == error.reason
    return {
        "input": mark,
        "reason": error.reason,
        "message": error.message,
        "exitCode": error.exit_code,
        "ofTable": error.reason not in _OF_INPUT or error.of_table,
        "since": known["since"] if stands else rfc3339(now),
        "lookedAt": rfc3339(now),
    }


def _is_broken(error: WorkloadError) -> bool:
    cause = error.__cause__
    return error.reason == _OF_PACKING and not (isinstance(cause, OSError) and cause.errno is not None)


def _mark(spec: IngestSpec, found: Input) -> str:
    """Names of files, too: the suffix tells how one is packed, and the sentence is about files of these names."""
    names = [file.path for file in found.files]
    more = [found.fingerprint, names, spec.maximum_bad_rows, spec.on_schema_change, __version__]
    return "sha256:" + hashlib.sha256(json.dumps(more).encode()).hexdigest()


def _next_look(known: Mapping[str, Any]) -> datetime | None:
    """None: only another input or spec can help. The wait doubles, since it is as long as the refusal has stood."""
    if not known.get("ofTable"):
        return None
    looked = parse_time(known["lookedAt"])
    return looked + min(max(looked - parse_time(known["since"]), SOON), LATE)
