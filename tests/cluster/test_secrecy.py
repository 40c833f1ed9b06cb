"""The look at the end of every test of the cluster can fail: on what a pod prints or leaves, on what an object says."""

import pytest
from tests.cluster.conftest import assert_nothing_shows
from tests.cluster.test_node_support import Pods, container
from tests.support import secrecy
from tests.support.freshet_objects import Place
from tests.support.operator import OperatorProcess
from tests.support.secrecy import Secrets

SPOKEN = "spoken-by-the-tests"
SPEAK = f"printf '%s%s\\n' {SPOKEN[:9]} {SPOKEN[9:]}"


@pytest.mark.usefixtures("node")
@pytest.mark.parametrize(
    ("script", "where"), [(SPEAK, "0.log of pod p"), (f"{SPEAK} > /dev/termination-log", "pod p shows")]
)
def test_what_a_pod_prints_or_leaves_is_seen(
    place: Place, monkeypatch: pytest.MonkeyPatch, script: str, where: str
) -> None:
    pods = Pods(cluster=place.cluster, namespace=place.namespace)
    pods.run("p", container(script))
    pods.until("p", "Succeeded")
    assert_nothing_shows(place.cluster, place.namespace)
    with monkeypatch.context() as known:
        known.setattr(secrecy, "KNOWN", Secrets({"it": SPOKEN}))
        with pytest.raises(AssertionError, match=where):
            assert_nothing_shows(place.cluster, place.namespace)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_what_the_metrics_of_an_operator_say_is_seen_however_it_ends(
    place: Place, operator: OperatorProcess, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    place.add_asset(SPOKEN)
    place.wait_status(SPOKEN, state="Missing")
    getattr(operator, end)()
    operator.log_file.unlink()
    operator.assert_nothing_shows()
    with monkeypatch.context() as known:
        known.setattr(secrecy, "KNOWN", Secrets({"it": SPOKEN}))
        with pytest.raises(AssertionError, match="the operator's metrics shows"):
            operator.assert_nothing_shows()


def test_what_an_object_says_is_seen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.add_asset("a")
    place.annotate("a", note=f"made with {SPOKEN}")
    with monkeypatch.context() as known:
        known.setattr(secrecy, "KNOWN", Secrets({"it": SPOKEN}))
        with pytest.raises(AssertionError, match="assets of"):
            assert_nothing_shows(place.cluster, place.namespace)
