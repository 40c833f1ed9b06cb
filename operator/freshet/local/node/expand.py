"""``$(VAR)`` in commands, arguments and values, as the kubelet expands it.

A name that is not known stays as it is, ``$$`` is one dollar, and nothing is expanded twice
(https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
"""

import re
from collections.abc import Mapping

__all__ = ["expand"]

_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")


def expand(text: str, *, variables: Mapping[str, str]) -> str:
    """Replace each ``$(NAME)`` that is known."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:
            return "$"
        return variables.get(name, match.group(0))

    return _REFERENCE.sub(value, text)
