"""Which Assets of vanished models go."""

from freshet.dbtcloud.pruning import Pruning, prune


def test_only_what_two_manifests_in_a_row_lack_is_pruned() -> None:
    first = prune(existing=["a", "b"], desired=["a"], missing={}, manifest="1")
    assert first == Pruning(delete=(), missing={"b": "1"})
    assert prune(existing=["a", "b"], desired=["a"], missing=first.missing, manifest="1") == first
    second = prune(existing=["a", "b"], desired=["a"], missing=first.missing, manifest="2")
    assert second == Pruning(delete=("b",), missing={})
    assert prune(existing=["a", "b"], desired=["a", "b"], missing=first.missing, manifest="2").missing == {}
    assert prune(existing=["b"], desired=[], missing=first.missing, manifest="2", kept=["b"]).delete == ()
