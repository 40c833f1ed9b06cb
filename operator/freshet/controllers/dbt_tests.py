"""What dbt's tests are to Assets: each is a check of the model that it is about, or of the Asset that its source is.
Pure.

A source's tests stand on its Asset beside the checks of what builds that, marked with the Pipeline whose project has
them, so that neither takes the other away. A verdict stays until the test runs again, or is in the project no more.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from freshet.api.asset import Asset, Check
from freshet.core.ended import Ended
from freshet.core.outcome import is_recorded
from freshet.dbtcloud.checks import test_name
from freshet.dbtcloud.found import Found
from freshet.dbtcloud.outcomes import CheckResult
from freshet.dbtcloud.project import Manifest, TestNode

__all__ = ["declared", "shown", "sources_of", "undeclared", "untested"]


def sources_of(found: Found) -> dict[str, frozenset[str]]:
    """Asset → what it is to the project that does not build it: sources, or a model that others build."""
    outside = {name for name, desired in found.assets.items() if desired.kind == "External"}
    ids: dict[str, set[str]] = {}
    for unique_id, name in found.names.items():
        if unique_id.startswith("source.") or name in outside:
            ids.setdefault(name, set()).add(unique_id)
    return {name: frozenset(nodes) for name, nodes in ids.items()}


def shown(results: Iterable[CheckResult], *, of: Collection[str], pipeline: str | None = None) -> tuple[Check, ...]:
    """The tests of these nodes as checks, the newest result of each; ``pipeline``: they are sources of its project."""
    found: dict[str, CheckResult] = {}
    for each in results:
        known = found.get(each.name)
        mine = not set(each.nodes).isdisjoint(of)
        if mine and (known is None or (known.at and each.at and each.at > known.at)):
            found[each.name] = each
    return tuple(_check(found[name], of=of, pipeline=pipeline) for name in sorted(found))


def _check(result: CheckResult, *, of: Collection[str], pipeline: str | None) -> Check:
    return Check(
        name=result.name,
        passed=result.passed,
        severity=result.severity,
        message=result.message,
        at=result.at,
        pipeline=pipeline,
        source=next(node for node in result.nodes if node in of) if pipeline is not None else None,
    )


def declared(tests: Mapping[str, TestNode], *, of: Collection[str]) -> frozenset[str]:
    """The names of the tests that the project has of these nodes."""
    return frozenset(test_name(key) for key, test in tests.items() if not set(test.nodes).isdisjoint(of))


def undeclared(
    assets: Iterable[Asset], *, manifest: Manifest, sources: Mapping[str, frozenset[str]], pipeline: str, at: datetime
) -> list[tuple[Asset, Ended]]:
    """Who has checks of tests that the project, of which this is the manifest since then, does not have any more, and
    what takes those away. What ran since then may be of a newer manifest.
    """
    index = _by_node(manifest)
    found = []
    for asset in assets:
        checks = asset.status.checks
        newer = {check.name for check in checks if check.at is not None and check.at > at}
        if any(check.pipeline == pipeline for check in checks):
            found.append((asset, _only(index, sources.get(asset.name, ()), newer=newer, of=pipeline, at=at)))
        node = asset.dbt_node if asset.kind == "DbtCloud" and asset.spec.pipeline == pipeline else None
        if node is not None and node in manifest.models and any(check.pipeline is None for check in checks):
            found.append((asset, _only(index, (node,), newer=newer, of=None, at=at)))
    return [(asset, ended) for asset, ended in found if not is_recorded(asset.status, ended)]


def untested(pipeline: str, *, at: datetime) -> Ended:
    """What takes away all checks that a Pipeline's project has given to an Asset."""
    return _only({}, (), newer=(), of=pipeline, at=at)


def _by_node(manifest: Manifest) -> dict[str, set[str]]:
    """Node → its tests' names; those that could not be read may be of any."""
    index: dict[str, set[str]] = {"": {test_name(key) for key in manifest.odd}}
    for key, test in manifest.tests.items():
        for node in test.nodes:
            index.setdefault(node, set()).add(test_name(key))
    return index


def _only(
    index: Mapping[str, set[str]], nodes: Iterable[str], *, newer: Iterable[str], of: str | None, at: datetime
) -> Ended:
    names = frozenset([*newer, *(name for node in ("", *nodes) for name in index.get(node, ()))])
    return Ended(
        id=f"manifest-{at:%Y%m%dT%H%M%SZ}", outcome="Unchanged", executor="DbtCloud", finished_at=at, declared=names,
        tests_of=of, checks_only=True, adopted=True,
    )  # fmt: skip
