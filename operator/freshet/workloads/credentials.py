"""Values of a Secret that go into a header."""

from collections.abc import Mapping

from freshet.workloads.errors import ConfigError

__all__ = ["expect_plain"]


def expect_plain(values: Mapping[str, str], *, secret: str) -> None:
    """Raises ConfigError for what no header takes: a dash that an editor made longer, a line end within. What else
    refuses it would repeat it.

    ``values``: by the names of the Secret's keys. ``secret``: the field that names the Secret.
    """
    odd = [name for name, value in values.items() if not (value.isascii() and value.isprintable())]
    if odd:
        raise ConfigError(
            "AuthenticationFailed",
            f"In the Secret {' and '.join(odd)} must be wrong, since a character is in it that cannot be: copy it there"
            f" anew ({secret}).",
        )
