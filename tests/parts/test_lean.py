"""Processes hold only what they use: what libraries drag along is looked for in a fresh one."""

import subprocess
import sys

HEAVY = ("kubernetes.client", "kubernetes.config", "requests", "oauthlib", "google", "pydantic", "rich", "pygments")
LOOK = f"""
import sys
import freshet.lean
print([name for name in {HEAVY} if name in sys.modules])
from kubernetes.aio.client import ApiClient
from kubernetes.client import V1ObjectMeta
print(ApiClient.__name__, V1ObjectMeta.__name__)
"""


def test_nothing_heavy_is_imported_and_what_was_left_out_can_be_had_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "ApiClient V1ObjectMeta"], done.stderr


LOAD = """
import sys
from freshet.workloads.dlt_load import warm_up
warm_up()
from dlt.common.libs import sql_alchemy_compat  # as the first credentials do
print("sqlalchemy" in sys.modules)
import sqlalchemy
print(sqlalchemy.make_url("sqlite:///a").database)
warm_up()
print("sqlalchemy" in sys.modules)
"""


def test_a_load_leaves_sqlalchemy_out_where_it_is_installed_and_it_can_be_had_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["False", "a", "True"], done.stderr
