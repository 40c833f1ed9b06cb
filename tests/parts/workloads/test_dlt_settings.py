"""What a Secret sets for dlt's destinations: what is wrong or missing is a sentence that names it."""

import os
import re

import pytest
from tests.parts.workloads.dlt_place import VARIABLE, Place
from tests.support.secrecy import POSTGRES_PASSWORD

from freshet.workloads.errors import ConfigError, WorkloadError


@pytest.mark.parametrize(
    ("destination", "settings", "reason", "words"),
    [
        ("postgres", None, "CredentialsMissing", VARIABLE),
        ("postgres", "postgresql://freshet:wrong@{address}/postgres", "AuthenticationFailed", "renew them"),
        ("postgres", "postgresql://freshet:wrong@127.0.0.1:9/postgres", "WarehouseUnavailable", "tried again"),
        ("postgres", "no url", "CredentialsMissing", VARIABLE),
        ("postgres", "postgresql://freshet@{address}/postgres", "CredentialsMissing", f"lacks {VARIABLE}__PASSWORD:"),
        ("postgres", "{url}?sslmode=require", "WarehouseUnsupported", "mend sslmode"),
        ("postgres", "{url}?sslmode=verify-full&sslrootcert=/no/such", "WarehouseUnsupported", "mend sslmode"),
        ("postgres", "postgresql://freshet:wrong@db.invalid/postgres", "WarehouseMissing", "mend the Secret"),
        ("postgres", "{url}_typo", "WarehouseMissing", "mend the Secret"),
        ("snowflake", "snowflake://me:wrong@account/db?warehouse=w", "DriverMissing", "dlt[snowflake]"),
        ("filesystem", None, "WarehouseUnsupported", "no tables that SQL could read back"),
        ("postgrez", None, "WarehouseUnsupported", "dlt ships no destination postgrez"),
    ],
)
def test_what_is_wrong_with_the_settings_is_a_sentence(
    place: Place, destination: str, settings: str | None, reason: str, words: str
) -> None:
    os.environ.pop(VARIABLE)
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = str(place.folder)
    if settings is not None:
        os.environ[f"DESTINATION__{destination.upper()}__CREDENTIALS"] = settings.format(
            address=place.server.address, url=place.server.url
        )
    place.write("id,v\n1,a\n")
    for work in (lambda: place.load(destination=destination), lambda: place.count("v", destination=destination)):
        with pytest.raises(WorkloadError) as caught:
            work()
        assert (caught.value.reason, caught.value.message.count("\n")) == (reason, 0)
        assert words in caught.value.message
        assert "wrong" not in caught.value.message
        assert POSTGRES_PASSWORD not in caught.value.message


def test_a_role_that_may_not_log_in_is_not_waited_for(place: Place) -> None:
    place.server.query(f"CREATE ROLE {place.schema} PASSWORD 'wrong'")
    os.environ[VARIABLE] = f"postgresql://{place.schema}:wrong@{place.server.address}/postgres"
    with pytest.raises(ConfigError) as caught:
        place.count("v")
    assert caught.value.reason == "AuthenticationFailed"


def test_parts_of_the_credentials_that_are_missing_are_named(place: Place) -> None:
    os.environ.pop(VARIABLE)
    host, _, port = place.server.address.partition(":")
    os.environ |= {f"{VARIABLE}__HOST": host, f"{VARIABLE}__PORT": port, f"{VARIABLE}__DATABASE": "postgres"}
    with pytest.raises(ConfigError) as caught:
        place.count("v")
    assert caught.value.reason == "CredentialsMissing"
    assert sorted(re.findall(f"{VARIABLE}[A-Z_]*", caught.value.message)) == [
        f"{VARIABLE}__PASSWORD",
        f"{VARIABLE}__USERNAME",
    ]
