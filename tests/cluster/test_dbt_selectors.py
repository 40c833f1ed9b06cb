"""Selectors, asked of real dbt: ours take their node and no other, and others' commands build what we think they do."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from freshet.dbtcloud.commands import built_by
from freshet.dbtcloud.manifest import load
from freshet.dbtcloud.project import Manifest
from freshet.dbtcloud.selection import Node, selector

FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0.0'\nprofile: shop\nflags: {send_anonymous_usage_stats: false}\n",
    "models/staging/stg_users.sql": "{{ config(tags=['nightly', 'eu']) }} select * from {{ source('raw', 'users') }}",
    "models/staging/sources.yml": "sources: [{name: raw, tables: [{name: users}]}]\n",
    "models/marts/users.sql": "select * from {{ ref('stg_users') }}",
    "models/marts/users/deep.sql": "select 1 as id",
    "models/users/inside.sql": "{{ config(tags='eu', materialized='table') }} select * from {{ ref('deep') }}",
    "models/my folder/odd.sql": "select 1 as id",
    "models/marts/dim_v1.sql": "select 1 as id",
    "models/marts/dim_v2.sql": "select 1 as id",
    "models/schema.yml": "models: [{name: dim, latest_version: 2, versions: [{v: 1}, {v: 2}]}]\n",
    "seeds/countries.csv": "id,name\n1,a\n",
    "snapshots/all.yml": "snapshots: [{name: users_snap, relation: ref('users'), "
    "config: {unique_key: id, strategy: check, check_cols: all}}]\n",
}
NODES = (
    "model.shop.stg_users",
    "model.shop.users",
    "model.shop.deep",
    "model.shop.inside",
    "model.shop.odd",
    "model.shop.dim.v1",
    "model.shop.dim.v2",
    "seed.shop.countries",
    "snapshot.shop.users_snap",
)


class Project:
    """A project in a folder, and dbt in this process."""

    def __init__(self, folder: Path) -> None:
        profile = {"shop": {"target": "d", "outputs": {"d": {"type": "duckdb", "path": str(folder / "x.duckdb")}}}}
        for name, text in {**FILES, "profiles.yml": json.dumps(profile)}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.folder, self.dbt = folder, dbtRunner()
        self.invoke("parse")
        self.manifest: Manifest = load(folder / "target" / "manifest.json")

    def invoke(self, *words: str) -> Any:
        places = ("--project-dir", str(self.folder), "--profiles-dir", str(self.folder))
        answer = self.dbt.invoke([*words, *places, "--quiet", "--log-path", str(self.folder / "logs")])
        assert answer.success, answer.exception
        return answer.result

    def selected(self, *words: str) -> set[str]:
        listed = self.invoke("ls", *words, "--output", "json", "--output-keys", "unique_id")
        return {json.loads(line)["unique_id"] for line in listed}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize("unique_id", NODES)
def test_each_selector_takes_its_node_alone(project: Project, unique_id: str) -> None:
    model = project.manifest.models[unique_id]
    known = Node(unique_id=unique_id, fqn=model.fqn, crowded=model.crowded)
    assert project.selected("--select", selector(known)) == {unique_id}
    assert project.selected("--select", selector(Node(unique_id=unique_id))) == {unique_id}


def test_the_manifest_was_read_whole(project: Project) -> None:
    assert sorted(project.manifest.models) == sorted(NODES)
    assert project.manifest.odd == ()
    assert project.manifest.models["model.shop.users"].crowded


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--select users",
        "--select users+ deep",
        "--select +users_snap",
        "--select 1+users_snap",
        "--select stg_users+1",
        "--select dim",
        "--select dim.v2",
        "--select staging",
        "--select marts.users",
        "--select shop.marts",
        "--select fqn:shop.marts.users",
        "--select tag:nightly",
        "--select tag:e* --exclude inside",
        "--select tag:eu,config.materialized:table",
        "--select path:models/marts",
        "--select models/marts/users.sql+",
        "--select path:models/*/users",
        "--select file:countries.csv",
        "--select 'path:models/my folder'",
        "--select source:raw+",
        "--select source:raw.users+1",
        "--select *users",
        "--select shop.*.users",
        "--select marts.?sers",
        "--select st*",
        "--select package:shop,resource_type:snapshot",
        "--select +inside --exclude tag:eu",
        "--exclude users+ resource_type:seed",
        "--resource-type model --exclude dim",
        "--exclude-resource-type snapshot seed",
        "--select nothing_of_that_name",
    ],
)
def test_what_a_command_of_others_builds(project: Project, words: str) -> None:
    listed = {key for key in project.selected(*shlex.split(words)) if key.partition(".")[0] not in ("source", "test")}
    assert built_by(f"dbt build {words}", models=project.manifest.models) == listed
