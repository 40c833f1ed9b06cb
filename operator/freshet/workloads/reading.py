"""From the files that were found to rows that are ready: unpacked, cut to what is new, in UTF-8, parsed and judged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from msgspec import structs

from freshet.workloads.addresses import shown
from freshet.workloads.errors import WorkloadError
from freshet.workloads.growth import Part, part_of, with_content
from freshet.workloads.in_utf8 import in_utf8
from freshet.workloads.inputs import InputFile
from freshet.workloads.packed import unpacked
from freshet.workloads.plain_names import plainly_named
from freshet.workloads.plain_start import plainly_begun
from freshet.workloads.prepare import Ready, prepare
from freshet.workloads.spec import IngestSpec
from freshet.workloads.warehouse import TableState

__all__ = ["read"]


def read(
    spec: IngestSpec,
    state: TableState,
    *,
    files: Sequence[InputFile],
    local: Mapping[str, str],
    folder: Path,
    stored: Callable[[str], str],
) -> tuple[Ready, list[Part]]:
    """The rows, and what was parsed of each file, which is as it goes on record.

    ``local``: where each file lies. ``stored``: as what the warehouse holds a declared type. Raises WorkloadError with
    a sentence, which calls files as people know them.
    """
    known: list[Part] = []
    try:
        parts = _parts(spec, state, files, local, folder)
        known += parts
        plain, csv = in_utf8(parts, csv=structs.replace(spec.csv, path=shown(spec.csv.path)), folder=folder)
        known += plain
        plain, csv = plainly_begun(plain, csv=csv, folder=folder)
        plain = plainly_named(plain, folder=folder)
        known += plain
        ready = prepare(spec=structs.replace(spec, csv=csv), state=state, parts=plain, folder=folder, stored=stored)
        if spec.write.disposition == "append":
            plain = [_on_record(spec, ready, *pair) for pair in zip(parts, plain, strict=True)]
        return ready, plain
    except WorkloadError as error:
        error.renamed({path: part.file.path for part in known for path in (part.path, part.header)})
        raise


def _parts(
    spec: IngestSpec, state: TableState, files: Sequence[InputFile], local: Mapping[str, str], folder: Path
) -> list[Part]:
    taken = state.taken if spec.write.disposition == "append" else {}
    plain = unpacked(local, compression=spec.csv.compression, folder=folder)
    part = partial(part_of, csv=spec.csv, folder=folder, may_grow=spec.write.may_grow)
    return [part(file, taken.get(file.path), path=plain[file.path]) for file in files]


def _on_record(spec: IngestSpec, ready: Ready, part: Part, parsed: Part) -> Part:
    """``part``: before its encoding was changed, as the next load will find it."""
    is_open = parsed.path in ready.parsed.left_open
    return replace(parsed, file=with_content(part, csv=spec.csv, is_open=is_open))
