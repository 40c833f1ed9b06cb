"""``freshet operator`` in two thirds of the memory: without what its libraries import at once and it never uses.

kopf imports the synchronous Kubernetes client if it can, only to recognize that client's models, and
``import kubernetes.aio`` runs ``kubernetes/__init__.py``, which imports the whole of it, too: 30 MB with requests,
oauthlib and Google's login. The asynchronous one imports pydantic for models that we do not use (8 MB), and httpx its
command line if rich is there (4 MB). tests/bench/memory.py prints what is left.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType

__all__ = ["operator"]

BARE = ("kubernetes", "kubernetes.aio")
"""Packages whose ``__init__`` is left out: their modules import each other by full names."""
ABSENT = ("kubernetes.client", "httpx._main")
"""Optional to their importers, who expect an ImportError."""
CLIENT, MODULE, NAME = "kubernetes.aio.client", "kubernetes.aio.client.api_client", "ApiClient"
"""Only named by the reader of kubeconfigs, for functions that we do not call; requests go through ``client.rest``."""


@contextmanager
def _lean() -> Iterator[None]:
    """What is imported in this block goes without; afterwards the rest may be imported as ever."""
    for name in BARE:
        spec = find_spec(name) if name not in sys.modules else None
        if spec is not None:
            sys.modules[name] = module_from_spec(spec)
    named = ModuleType(MODULE)
    setattr(named, NAME, object)
    instead = {**dict.fromkeys(ABSENT), MODULE: named}
    missing = {name: module for name, module in instead.items() if name not in sys.modules}
    sys.modules.update(missing)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in missing:
            sys.modules.pop(name, None)
        if MODULE in missing and CLIENT in sys.modules:
            vars(sys.modules[CLIENT]).pop(NAME, None)


with _lean():
    from freshet.main import operator
