"""A dbt Cloud in memory, for an operator in virtual time."""

from functools import partial

import pytest
from tests.support.virtual_cloud import Cloud

from freshet.controllers import dbt_clients
from freshet.dbtcloud.client import DbtCloud


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """What every client of the operator talks to."""
    made = Cloud()
    monkeypatch.setattr(dbt_clients, "DbtCloud", partial(DbtCloud, transport=made))
    return made
