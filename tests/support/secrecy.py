"""What no log, Event, status or metric may ever show: every secret that the suite hands out, and the look for it.

A secret is found as it is, as base64 (as Secrets and HTTP's basic authentication carry it, whatever stands before it)
and percent-encoded. What must know it is not looked at: Secrets, the stand-ins' own logs, files of settings.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

__all__ = [
    "AZURE_KEY",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_TOKEN",
    "DBT_CLOUD_TOKEN",
    "POSTGRES_PASSWORD",
    "S3_KEY",
    "SHORTEST",
    "WEBHOOK_KEY",
    "Secrets",
    "assert_hidden",
    "left_by_pods",
    "remember",
]

DBT_CLOUD_TOKEN = "stand-in-token"
WEBHOOK_KEY = "hook-key-of-the-tests"
DATABRICKS_TOKEN = DATABRICKS_CLIENT_SECRET = "dapi-of-the-test"
"""The stand-in takes its token as a machine's client secret too."""
POSTGRES_PASSWORD = "geheim-of-the-tests"
S3_KEY = "s3-key-of-the-tests"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, which everybody knows."""

SHORTEST = 8
"""Letters; what is shorter stands in other words by chance."""
AROUND = 120

LEFT = ("*.log*", "*.message")
"""What the node agent keeps of a container: what it printed, and its termination messages."""


class Secrets:
    """Secrets by what they are called in a test's failure, which does not show them either."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._forms: dict[str, str] = {}
        for name, value in given.items():
            self.remember(name, value)

    def remember(self, name: str, value: str) -> None:
        """Look for this one too; of several lines, such as a PEM key, for each. ValueError when it is too short."""
        lines = [line for line in value.splitlines() if len(line) >= SHORTEST and not line.startswith("-----")]
        if not lines:
            raise ValueError(f"{name} has fewer than {SHORTEST} letters: it would be found by chance")
        for line in lines:
            self._forms.update(dict.fromkeys(_forms(line), name))

    def leaks(self, text: str) -> list[str]:
        """What shows, each as a name and the words around it."""
        return [f"{name}: {self._around(text, form)}" for form, name in list(self._forms.items()) if form in text]

    def _around(self, text: str, form: str) -> str:
        before, _, after = text.partition(form)
        shown = f"…{before[-AROUND:]}⟨it⟩{after[:AROUND]}…"
        for other in self._forms:
            shown = shown.replace(other, "⟨it⟩")
        return shown


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    raw = secret.encode()
    for before, begin in enumerate((0, 2, 3)):  # bytes that share its first letter; letters that depend on them
        yield b64encode(bytes(before) + raw).decode()[begin : (before + len(raw)) * 8 // 6]


KNOWN = Secrets(
    {
        "the dbt Cloud token": DBT_CLOUD_TOKEN,
        "the webhook's key": WEBHOOK_KEY,
        "the Databricks token or client secret": DATABRICKS_TOKEN,
        "the PostgreSQL password": POSTGRES_PASSWORD,
        "the S3 key": S3_KEY,
        "the Azure key": AZURE_KEY,
    }
)


def remember(name: str, value: str) -> None:
    """A secret that is made while the tests run: :func:`assert_hidden` looks for it from now on."""
    KNOWN.remember(name, value)


def left_by_pods(node: Path, *, uid: str = "*") -> list[Path]:
    """What pods of the node agent in folder ``node`` printed and left; of one pod with its uid."""
    return [path for name in LEFT for path in node.glob(f"pods/{uid}/containers/*/{name}")]


def assert_hidden(text: str, *, where: str) -> None:
    """None of the suite's secrets is in it. Raises AssertionError."""
    leaks = KNOWN.leaks(text)
    assert not leaks, f"{where} shows " + "; ".join(leaks)
