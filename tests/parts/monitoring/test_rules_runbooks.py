"""An alert helps whom it wakes: its words, and the runbook that it links to."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests.monitoring import generate
from tests.parts.monitoring.playing import ROOT, RULES, rules
from tests.support.prometheus import promtool


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_helps_whom_it_wakes(rule: dict[str, Any]) -> None:
    notes = rule["annotations"]
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert notes["summary"]
    assert notes["description"].endswith(".")
    page = ROOT / "docs" / "runbooks" / notes["runbook_url"].rpartition("/")[2]
    assert notes["runbook_url"] == f"http://127.0.0.1:8080/docs/runbooks/{page.name}"
    text = page.read_text()
    assert f"`{rule['alert']}`" in text
    for heading in ("## What it means", "## What to look at", "## What to do"):
        assert heading in text


WIKI = "https://wiki.example/freshet/-/blob/main/docs/runbooks"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what ships, for generate.py to write to."""
    folder = tmp_path / "monitoring"
    shutil.copytree(RULES.parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(generate, "FOLDER", folder)
    return folder


def test_runbooks_are_read_where_one_says(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [rule["annotations"]["runbook_url"].rpartition("/")[2] for rule in rules() if "alert" in rule]
    for base in (WIKI, "http://other.example/runbooks/"):
        monkeypatch.setattr(sys, "argv", ["generate.py", "--runbooks", base])
        generate.main()
        for name, inside in (("rules.yaml", ()), ("prometheusrule.yaml", ("spec",))):
            text = (copied / name).read_text()
            found = yaml.safe_load(text)
            for key in inside:
                found = found[key]
            told = [r["annotations"]["runbook_url"] for g in found["groups"] for r in g["rules"] if "alert" in r]
            assert told == [f"{base.rstrip('/')}/{page}" for page in pages]
    monkeypatch.setattr(sys, "argv", ["generate.py", "--check"])
    generate.main()
    assert "SUCCESS" in promtool("check", "rules", copied / "rules.yaml")


@pytest.mark.parametrize(
    "base", ["docs/runbooks", "https://", "https://wiki.example/a b", "https://wiki.example/{{x}}"]
)
def test_an_address_that_no_browser_opens_is_refused(
    copied: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    before = (copied / "rules.yaml").read_text()
    monkeypatch.setattr(sys, "argv", ["generate.py", "--runbooks", base])
    with pytest.raises(SystemExit):
        generate.main()
    assert "is no address of a folder" in capsys.readouterr().err
    assert (copied / "rules.yaml").read_text() == before
