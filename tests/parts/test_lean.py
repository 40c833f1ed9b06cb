"""The operator's process holds only what it uses: what its libraries drag along is looked for in a fresh process."""

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
