"""What tests of metrics share."""

import pytest
from tests.support.runtime import ManualClock

from freshet.runtime.cache import Cache


@pytest.fixture
def cache() -> Cache:
    return Cache(clock=ManualClock())
