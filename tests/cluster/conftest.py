"""A real cluster for the whole session, a namespace for each test, and the processes that act in it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.dbt_place import FAST, OFTEN
from tests.support.dbtcloud import DbtCloudStandIn
from tests.support.freshet_objects import Place
from tests.support.kube import list_objects
from tests.support.namespaces import own_namespace
from tests.support.node import NodeProcess
from tests.support.operator import OperatorProcess, running
from tests.support.secrecy import assert_hidden, left_by_pods
from tests.support.tripwire import Tripwire
from tests.support.waiting import wait_for
from tests.support.witness import Witness

from freshet.local.cluster_install import apply_crds, apply_rbac
from freshet.local.controlplane import LocalCluster, build, progress_bar

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OperatorFactory = Callable[..., OperatorProcess]
Tripped = Callable[..., tuple[OperatorProcess, Tripwire]]

LONG = ("test_operator_dbt_kills", "test_dbt_bad_days", "test_operator_kills", "test_dbt_discovery_scale")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin, so that no worker waits for another in the end."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(scope="session")
def controlplane() -> Path:
    """The control plane's binary."""
    with progress_bar() as progress:
        return build(progress=progress)


@pytest.fixture(scope="session")
def cluster(controlplane: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A running cluster with freshet's resources defined."""
    with LocalCluster.start(folder=tmp_path_factory.mktemp("cluster"), binary=controlplane) as started:
        apply_crds(started)
        wait_for(lambda: serves(started), what="freshet's resources are served")
        yield started


def serves(cluster: LocalCluster) -> bool:
    """A definition is Established a while before its storage stops answering 429."""
    paths = (f"/apis/freshet.dev/v1alpha1/{plural}?limit=1" for plural in ("assets", "pipelines"))
    return all(cluster.http.get(path).status_code == 200 for path in paths)


@pytest.fixture(scope="session")
def witness(cluster: LocalCluster) -> Iterator[Witness]:
    """Sees all that is ever written there."""
    with Witness(kubeconfig=cluster.kubeconfig) as watching:
        watching.wait_watching()
        yield watching
    assert not watching.leaks(), "; ".join(watching.leaks())


@pytest.fixture
def namespace(cluster: LocalCluster, witness: Witness) -> Iterator[str]:
    """A fresh namespace whose pods can start; deleted in the background."""
    with own_namespace(cluster, "test") as name:
        yield name
        assert_nothing_shows(cluster, name)
        witness.assert_nothing_shows(cluster.http, name)


def assert_nothing_shows(cluster: LocalCluster, namespace: str) -> None:
    """No secret in what anybody may read: objects, Events, statuses, and what the pods printed and left."""
    for kind in ("assets", "pipelines", "events", "cronjobs", "jobs"):
        assert_hidden(json.dumps(list_objects(cluster, kind, namespace=namespace)), where=f"{kind} of {namespace}")
    for pod in list_objects(cluster, "pods", namespace=namespace):
        name = pod["metadata"]["name"]
        assert_hidden(json.dumps(pod), where=f"pod {name}")
        for node in cluster.kubeconfig.parent.glob("node-*"):
            for left in left_by_pods(node, uid=pod["metadata"]["uid"]):
                with suppress(FileNotFoundError):  # the node has just removed a pod that was deleted
                    assert_hidden(left.read_text(errors="replace"), where=f"{left.name} of pod {name}")


@pytest.fixture(scope="session")
def node(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """The node agent: pods of the cluster run as processes of this machine."""
    agent = NodeProcess(kubeconfig=cluster.kubeconfig, folder=tmp_path_factory.mktemp("node"))
    yield agent.start()
    agent.stop()
    assert_hidden(agent.log(), where="the node's log")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium."""
    from tests.support.chromium import browsing

    with browsing() as found:
        yield found


@pytest.fixture(scope="session")
def operator_kubeconfig(cluster: LocalCluster) -> Path:
    """What the operator of manifests/base may do, and nothing else."""
    return apply_rbac(cluster)


@pytest.fixture
def operator_factory(operator_kubeconfig: Path, namespace: str, tmp_path: Path) -> Iterator[OperatorFactory]:
    """Makes operators that are not started yet, of the test's namespace unless told otherwise; ends them all."""
    made: list[OperatorProcess] = []

    def make(**options: Any) -> OperatorProcess:
        folder = tmp_path / f"operator-{len(made)}"
        settings: dict[str, Any] = {"kubeconfig": operator_kubeconfig, "folder": folder, "namespaces": [namespace]}
        made.append(OperatorProcess(**{**settings, **options}))
        return made[-1]

    yield make
    for process in made:
        process.kill()
        process.assert_nothing_shows()


@pytest.fixture
def tripped(operator_factory: OperatorFactory, operator_kubeconfig: Path, tmp_path: Path) -> Iterator[Tripped]:
    """Makes an operator that is not started yet, and the way to the API server on which it can be killed."""
    with ExitStack() as stack:

        def make(**options: Any) -> tuple[OperatorProcess, Tripwire]:
            wire = Tripwire(kubeconfig=operator_kubeconfig, folder=tmp_path, kill=lambda: operator.kill())
            operator = operator_factory(kubeconfig=stack.enter_context(wire).kubeconfig, **options)
            return operator, wire

        yield make


@pytest.fixture
def stand_in(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DbtCloudStandIn]:
    """A dbt Cloud of the test's own; its runs are made up from the file's GRAPH, which may have no model yet."""
    graph = getattr(request.module, "GRAPH", {"models": []})
    with DbtCloudStandIn(folder=tmp_path / "dbt-cloud", executor="scripted", graph=graph) as running:
        yield running


@pytest.fixture
def operator(operator_factory: OperatorFactory) -> OperatorProcess:
    """A running operator that watches the test's namespace."""
    return operator_factory().start()


@pytest.fixture
def place(cluster: LocalCluster, namespace: str) -> Place:
    """The test's namespace, with words for what tests of the operator do there."""
    return Place(cluster, namespace)


@pytest.fixture(scope="module")
def dbt_operator(operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator of all namespaces for a whole file, which asks dbt Cloud often while a run of its own is active."""
    with running(kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("dbt-operator"), env=FAST) as process:
        yield process


@pytest.fixture(scope="module")
def watcher(operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The same, which asks often also when nothing of its own is under way."""
    with running(kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("watcher"), env=OFTEN) as process:
        yield process


@pytest.fixture(scope="module")
def everywhere(operator_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator of all namespaces for a whole file: starting one takes longer than most tests."""
    with running(kubeconfig=operator_kubeconfig, folder=tmp_path_factory.mktemp("everywhere")) as process:
        yield process
