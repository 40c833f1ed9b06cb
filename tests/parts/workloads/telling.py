"""Every result and every error of the loads and counts that tests run in this process is looked at for secrets."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.secrecy import assert_hidden

from freshet.workloads.errors import WorkloadError

__all__ = ["telling"]


@contextmanager
def telling() -> Iterator[Callable[[Any], Any]]:
    """Hands a result through when it shows no secret; an error that leaves the block shows none either."""
    try:
        yield _looked_at
    except WorkloadError as error:
        assert_hidden(f"{error.message} {error.samples}", where=f"the error {error.reason}")
        raise


def _looked_at(result: Any) -> Any:
    assert_hidden(json.dumps(result, default=str), where="a workload's result")
    return result
