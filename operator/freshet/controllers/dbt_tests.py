"""What dbt's tests are to Assets: each is a check of the model that it is about, or of the Asset that its source is.
Pure.

A source's tests stand on its Asset beside the checks of what builds that, marked with the Pipeline whose project has
them, so that neither takes the other away. A verdict stays until the test runs again, or is in the project no more.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from freshet.api.asset import Asset, Check
from freshet.core.ended import Ended
from freshet.dbtcloud.checks import test_name
from freshet.dbtcloud.found import Found
from freshet.dbtcloud.outcomes import CheckResult
from freshet.dbtcloud.project import Manifest, TestNode

__all__ = ["names_by_node", "results_by_node", "shown", "sources_of", "undeclared", "untested"]


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
        mine = any(node in of for node in each.nodes)
        if mine and (known is None or (known.at and each.at and each.at > known.at)):
            found[each.name] = each
    return tuple(_check(found[name], of=of, pipeline=pipeline) for name in sorted(found))


def results_by_node(results: Iterable[CheckResult]) -> dict[str, list[CheckResult]]:
    """Node → what its tests found, so that each model of a large run costs its own tests only."""
    index: dict[str, list[CheckResult]] = {}
    for each in results:
        for node in each.nodes:
            index.setdefault(node, []).append(each)
    return index


def names_by_node(tests: Mapping[str, TestNode]) -> dict[str, set[str]]:
    """Node → the names of its tests."""
    index: dict[str, set[str]] = {}
    for key, test in tests.items():
        for node in test.nodes:
            index.setdefault(node, set()).add(test_name(key))
    return index


def undeclared(
    assets: Iterable[Asset], *, manifest: Manifest, sources: Mapping[str, frozenset[str]], pipeline: str, at: datetime
) -> list[tuple[Asset, Ended]]:
    """Who has checks of tests that the project, of which this is the manifest since then, does not have any more, and
    what takes those away.
    """
    index = names_by_node(manifest.tests)
    odd = {test_name(key) for key in manifest.odd}  # what could not be read may be of any node
    found = []
    for asset in assets:
        for of, nodes in _origins(asset, manifest=manifest, sources=sources, pipeline=pipeline):
            names = odd.union(*(index.get(node, ()) for node in nodes))
            checks = [check for check in asset.status.checks if check.pipeline == of]
            left = {check.name for check in checks if check.name in names or _is_newer(check, at)}
            if len(left) < len({check.name for check in checks}):
                found.append((asset, _only(names | left, of=of, at=at)))
    return found


def _origins(
    asset: Asset, *, manifest: Manifest, sources: Mapping[str, frozenset[str]], pipeline: str
) -> Iterator[tuple[str | None, Collection[str]]]:
    """Whose tests this project knows of the asset, and of which nodes of it those are."""
    if not asset.status.checks:
        return
    yield pipeline, sources.get(asset.name, ())
    node = asset.dbt_node if asset.kind == "DbtCloud" and asset.spec.pipeline == pipeline else None
    if node is not None and node in manifest.models:
        yield None, (node,)


def _is_newer(check: Check, at: datetime) -> bool:
    """What ran since the manifest was written may be of a newer one."""
    return check.at is not None and check.at > at


def untested(pipeline: str, *, at: datetime) -> Ended:
    """What takes away all checks that a Pipeline's project has given to an Asset."""
    return _only(set(), of=pipeline, at=at)


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


def _only(names: set[str], *, of: str | None, at: datetime) -> Ended:
    """What leaves the checks of these names, and no others of that origin."""
    return Ended(
        id=f"manifest-{at:%Y%m%dT%H%M%SZ}", outcome="Unchanged", executor="DbtCloud", finished_at=at,
        declared=frozenset(names), tests_of=of, checks_only=True, adopted=True,
    )  # fmt: skip
