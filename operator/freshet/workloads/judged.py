"""Whether the bad rows of a load are tolerated: pure."""

from freshet.workloads.errors import DataRefused, InputError
from freshet.workloads.parse import DETAILS, Parsed
from freshet.workloads.spec import IngestSpec

__all__ = ["FEW", "judge", "judge_doubled"]

FEW = 100
"""So many bad rows are described where none is kept."""
_NAMED = 3


def judge(spec: IngestSpec, parsed: Parsed, *, grown: bool, fed: bool) -> None:
    """Raises DataRefused for bad rows that are not tolerated, InputError where no row is left.

    ``grown``: more rows of these files were good before, so that none need be good now. ``fed``: other files have been
    appended before, so that there need be none.
    """
    total = parsed.rows + parsed.rejected
    if total == 0 and not (grown or fed):
        raise InputError("NoRows", f"{_holders(parsed)} a header and no rows: see whether the export failed.")
    if not parsed.rejected:
        return
    samples = [one.sample() for one in parsed.refused[:3]]
    _expect_described(spec, parsed)
    if spec.on_bad_rows == "fail":
        raise DataRefused(
            "BadRows",
            f"{parsed.rejected:,} of {total:,} rows of {spec.csv.path} are bad, {_first(parsed)}: nothing was loaded;"
            " mend the export, or set onBadRows to quarantine or drop.",
            samples=samples,
            rows_in=total,
            rows_rejected=parsed.rejected,
        )
    why = _intolerable(spec, parsed.rejected, is_all=parsed.rows == 0 and not grown)
    if why:
        raise DataRefused(
            "TooManyBadRows",
            f"{parsed.rejected:,} of {total:,} rows of {spec.csv.path} are bad, {_first(parsed)}:"
            f" {why}, so nothing was loaded.",
            samples=samples,
            rows_in=total,
            rows_rejected=parsed.rejected,
        )


def _holders(parsed: Parsed) -> str:
    paths = list(parsed.counts)
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return f"{', '.join(paths[:_NAMED])}{more} {'holds' if len(paths) == 1 else 'hold'}"


def _expect_described(spec: IngestSpec, parsed: Parsed) -> None:
    """Raises DataRefused where rows would be left out of which freshet cannot say where they stand."""
    limit = DETAILS if spec.on_bad_rows == "quarantine" else FEW
    if spec.on_bad_rows != "fail" and len(parsed.refused) < min(parsed.rejected, limit):
        raise DataRefused(
            "BadCsv",
            f"{parsed.rejected:,} rows of {spec.csv.path} are bad, and only {len(parsed.refused):,} of them can be"
            " found again in the file: nothing was loaded, so that none is lost; mend its quotes and line ends.",
            rows_in=parsed.rows + parsed.rejected,
            rows_rejected=parsed.rejected,
        )


def judge_doubled(spec: IngestSpec, parsed: Parsed) -> None:
    """Rows that share a key count as bad ones."""
    bad = parsed.rejected + len(parsed.doubled)
    why = _intolerable(spec, bad, is_all=parsed.rows == 0)
    if why:
        raise DataRefused(
            "TooManyBadRows",
            f"{bad:,} of {parsed.rows + bad:,} rows of {spec.csv.path} are bad or share their primary key: {why},"
            " so nothing was loaded.",
            samples=[one.sample() for one in (*parsed.refused, *parsed.doubled)[:3]],
            rows_in=parsed.rows + bad,
            rows_rejected=bad,
        )


def _intolerable(spec: IngestSpec, bad: int, *, is_all: bool) -> str | None:
    """Why so many bad rows are too many: what is quarantined is written row by row, which has an end."""
    if is_all:
        return "none is left to load"
    if spec.maximum_bad_rows is not None and bad > spec.maximum_bad_rows:
        return f"more than maximumBadRows ({spec.maximum_bad_rows:,}) tolerates"
    if spec.on_bad_rows == "quarantine" and bad > DETAILS:
        return f"more than the {DETAILS:,} that can be quarantined, whatever maximumBadRows says"
    return None


def _first(parsed: Parsed) -> str:
    if not parsed.refused:
        return "the first of them unknown"
    one = parsed.refused[0]
    file = f" of {one.path}" if len(parsed.counts) > 1 else ""
    column = f", column {one.column}" if one.column else ""
    return f"first in line {one.line}{file}{column}: {one.reason}"
