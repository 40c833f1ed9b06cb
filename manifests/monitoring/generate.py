"""Write what follows from a source beside it: prometheusrule.yaml from rules.yaml, the dashboard's JSON from its code.

python manifests/monitoring/generate.py [--check] [--runbooks URL]
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))

from manifests.monitoring.grafana.dashboard import dashboard_json  # noqa: E402

HEADER = "# Written by generate.py from rules.yaml: edit that file.\n"
RUNBOOK = re.compile(r"(?<=runbook_url: )\S+/(?=[\w-]+\.md$)", re.MULTILINE)
ADDRESS = re.compile(r"https?://[^\s'\"{}#]+")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is not as it should be")
    parser.add_argument("--runbooks", metavar="URL", type=address, help="where your people read docs/runbooks")
    given = parser.parse_args()
    if given.runbooks and not given.check:
        rules = FOLDER / "rules.yaml"
        rules.write_text(with_runbooks(rules.read_text(), at=given.runbooks))
    settle(check=given.check)


def address(text: str) -> str:
    """Raises argparse.ArgumentTypeError where a browser could not open pages below it."""
    if not ADDRESS.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address of a folder: give one such as https://…/docs/runbooks"
        )
    return text.rstrip("/")


def with_runbooks(text: str, *, at: str) -> str:
    """The rules, each ``runbook_url`` with its page at that address."""
    return RUNBOOK.sub(lambda _: f"{at}/", text)


def settle(*, check: bool) -> None:
    """Write each generated file that is not as its source says; with ``check``, only fail."""
    behind = [path for path, text in outputs().items() if not path.exists() or path.read_text() != text]
    if check and behind:
        names = ", ".join(str(path.relative_to(FOLDER)) for path in behind)
        sys.exit(f"{names}: not as its source says; run python manifests/monitoring/generate.py")
    for path in behind:
        path.write_text(outputs()[path])


def outputs() -> dict[Path, str]:
    """Each generated file and its content."""
    return {
        FOLDER / "prometheusrule.yaml": prometheus_rule((FOLDER / "rules.yaml").read_text()),
        FOLDER / "grafana" / "freshet.json": dashboard_json(),
    }


def prometheus_rule(text: str) -> str:
    """The rules as the Prometheus operator's resource."""
    body: dict[str, Any] = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "freshet", "labels": {"app.kubernetes.io/component": "monitoring"}},
        "spec": yaml.safe_load(text),
    }
    return HEADER + yaml.safe_dump(body, sort_keys=False, width=140, allow_unicode=True)


if __name__ == "__main__":
    main()
