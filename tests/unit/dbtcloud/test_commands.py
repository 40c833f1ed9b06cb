"""What a command builds by its words alone; tests/cluster/test_dbt_selectors.py asks dbt the same."""

import pytest

from freshet.dbtcloud.commands import built_by
from freshet.dbtcloud.model import Run, RunStep
from freshet.dbtcloud.project import Model, named
from freshet.dbtcloud.silence import steps_of, taken_at_its_word


def model(name: str, *upstreams: str, kind: str = "model", **more: object) -> Model:
    fqn = ("shop", "marts", name)
    return Model(
        unique_id=f"{kind}.shop.{name}", kind=kind, name=name, package="shop", fqn=fqn, upstreams=upstreams, **more
    )  # type: ignore[arg-type]


MODELS = {
    it.unique_id: it
    for it in (
        model("a", "source.shop.raw.orders", path="models/marts/a.sql", tags=("nightly",)),
        model("b", "model.shop.a", path="models/marts/b.sql"),
        model("c", "model.shop.b", path="models/other/c.sql"),
        model("s", kind="seed", path="seeds/s.csv"),
    )
}


def names(command: str) -> str | None:
    found = built_by(command, models=MODELS)
    return None if found is None else " ".join(sorted(key.rpartition(".")[2] for key in found))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dbt build", "a b c s"),
        ("Invoke dbt with `dbt build`", "a b c s"),
        ("dbt run --full-refresh --vars '{a: b}' --threads 4", "a b c"),
        ("dbt seed", "s"),
        ("dbt test --select a", ""),
        ("dbt docs generate", ""),
        ("dbt source freshness", ""),
        ("Clone git repository", ""),
        ("dbt --debug build -s a+ --exclude c", "a b"),
        ("dbt build --select 1+c --threads 2", "b c"),
        ("dbt build --target dev", None),
        ("dbt build --target=dev", None),
        ("dbt build -t dev", None),
        ("dbt build -tdev", None),
        ("dbt --target dev run --select a", None),
        ("dbt run --select a --profile other", None),
        ("dbt run --select a --profiles-dir=elsewhere", None),
        ("dbt test --target dev", ""),
        ("dbt build --select=+b", "a b"),
        ("dbt build --select a+1 s --resource-type model", "a b"),
        ("dbt build --exclude-resource-type seed", "a b c"),
        ("dbt build --select tag:nightly,package:shop", "a"),
        ("dbt build --select source:raw.orders+ --exclude path:models/other", "a b"),
        ("dbt build --select state:modified", None),
        ("dbt build --selector nightly", None),
        ("dbt build --selector=nightly", None),
        ("dbt build --select @a", None),
        ("dbt build --select 'a", None),
        ("Invoke dbt with `dbt retry`", None),
    ],
)
def test_what_a_command_builds(command: str, expected: str | None) -> None:
    assert names(command) == expected


def test_without_a_manifest_only_names_are_told() -> None:
    ids = ("model.shop.a", "model.shop.dim.v2", "seed.shop.s")
    models = {key: it for key in ids if (it := named(key))}
    assert built_by("dbt build", models=models, whole=False) == set(ids)
    assert built_by("dbt build -s a dim.v2", models=models, whole=False) == {"model.shop.a", "model.shop.dim.v2"}
    assert built_by("dbt build -s dim", models=models, whole=False) == {"model.shop.dim.v2"}
    for untold in ("a+", "tag:nightly", "path:models", "source:raw"):
        assert built_by(f"dbt build -s {untold}", models=models, whole=False) is None


def test_silent_steps_are_taken_at_their_word() -> None:
    steps = [
        RunStep(index=4, name="Invoke dbt with `dbt build -s a b`", status=10),
        RunStep(index=5, name="Invoke dbt with `dbt run -s b`", status=20),
        RunStep(index=6, name="Invoke dbt with `dbt run -s state:modified`", status=10),
    ]
    found = taken_at_its_word(Run(id=7, status=20), steps=steps, models=MODELS, whole=True)
    assert {key: node.outcome for key, node in found.nodes.items()} == {
        "model.shop.a": "Success",
        "model.shop.b": "Error",
    }
    assert found.untold == ("dbt run -s state:modified",)
    assert "run 7 failed; it left no results" in found.nodes["model.shop.b"].message


def test_a_run_that_is_gone_did_what_its_trigger_or_its_job_says() -> None:
    run = Run(id=7, status=10)
    assert [step.name for step in steps_of(run, commands=["dbt build"])] == ["dbt build"]
    assert steps_of(run, commands=()) == ()


def test_a_run_of_ours_builds_the_tables_of_its_assets_whatever_target_its_command_names() -> None:
    command = "dbt build --select a --target prod"
    assert built_by(command, models=MODELS, ours=True) == {"model.shop.a"}
    steps, run = [RunStep(index=4, name=command, status=10)], Run(id=7, status=10)
    theirs = taken_at_its_word(run, steps=steps, models=MODELS, whole=True)
    assert (theirs.nodes, theirs.untold) == ({}, (command,))
    assert set(taken_at_its_word(run, steps=steps, models=MODELS, whole=True, ours=True).nodes) == {"model.shop.a"}


def test_a_step_that_was_cancelled_says_nothing() -> None:
    steps = [RunStep(index=4, name="Invoke dbt with `dbt build`", status=30)]
    assert taken_at_its_word(Run(id=7, status=30), steps=steps, models=MODELS, whole=True).nodes == {}
