"""The looks at a cluster that guard every test can fail: on what a pod prints or leaves, an object says or has said."""

import pytest
from tests.cluster.conftest import assert_nothing_shows
from tests.cluster.test_node_support import Pods, container
from tests.support import secrecy
from tests.support.freshet_objects import Place
from tests.support.kube import create
from tests.support.operator import OperatorProcess
from tests.support.secrecy import Secrets
from tests.support.waiting import wait_for
from tests.support.witness import Witness

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


def test_what_a_status_said_for_a_moment_is_seen(place: Place) -> None:
    """It is overwritten before anybody else could have looked."""
    place.add_asset("a")
    with Witness(kubeconfig=place.cluster.kubeconfig, secrets=Secrets({"it": SPOKEN})) as watching:
        watching.wait_watching()
        watching.assert_nothing_shows(place.cluster.http, place.namespace)
        for reason in (f"built with {SPOKEN}", "built"):
            place.patch("assets", "a", {"status": {"reason": reason}}, subresource="status")
        assert SPOKEN not in str(place.get("assets", "a"))
        with pytest.raises(AssertionError, match=r"version \d+ of assets .+/a shows it: .*built with ⟨it⟩"):
            watching.assert_nothing_shows(place.cluster.http, place.namespace)


def test_an_event_that_is_gone_at_once_is_seen_whatever_letters_are_in_it(place: Place) -> None:
    secret = "a&b<c>d=e"
    with Witness(kubeconfig=place.cluster.kubeconfig, secrets=Secrets({"it": secret})) as watching:
        watching.wait_watching()
        event = {
            "metadata": {"name": "e"},
            "message": f"\u2028sent\u0085{secret}",
            "involvedObject": {"namespace": place.namespace},
        }
        create(place.cluster, "events", namespace=place.namespace, body=event)
        place.cluster.http.delete(f"/api/v1/namespaces/{place.namespace}/events/e").raise_for_status()
        wait_for(lambda: watching.leaks(place.namespace), what="it is seen")


def test_what_could_not_be_seen_is_told(place: Place) -> None:
    """A watch that begins where the API server has forgotten what followed."""
    place.add_asset("a")
    watching = Witness(kubeconfig=place.cluster.kubeconfig)
    watching._since["assets"] = "1"
    with watching:
        watching.wait_watching()
        wait_for(lambda: watching.versions["assets"], what="it has looked at what is there")
        assert watching.leaks(place.namespace) == ["versions of assets after 1 were not seen"]
