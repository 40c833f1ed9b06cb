"""The body of ``POST /jobs/{id}/run/``: known fields, their types and limits; anything else is refused."""

import shlex
from typing import Any

import msgspec

from freshet.local.dbtcloud.envelope import ApiError, bad_request
from freshet.local.dbtcloud.model import Trigger

__all__ = ["CAUSE_LIMIT", "check_step", "parse_trigger"]

CAUSE_LIMIT = 255
SUBCOMMANDS = frozenset(
    {
        "build",
        "clone",
        "compile",
        "deps",
        "docs",
        "list",
        "ls",
        "parse",
        "retry",
        "run",
        "run-operation",
        "seed",
        "snapshot",
        "source",
        "test",
    }
)
"""What a step may call; ``dbt init``, ``dbt debug`` or ``dbt clean`` have no place in a job."""


def parse_trigger(body: bytes) -> Trigger:
    """The request as a Trigger of category ``api`` (``ci`` for a pull request). Raises ApiError with status 400."""
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise bad_request(f"The body is not a JSON object: {error}.") from error
    _refuse_unknown(fields)
    try:
        trigger = msgspec.convert(fields, Trigger)
    except msgspec.ValidationError as error:
        raise bad_request(str(error)) from error
    _check(trigger)
    if trigger.is_pull_request:
        trigger.cause_category = "ci"
    return trigger


def check_step(command: str) -> None:
    """Refuse a step that is no dbt command. Raises ApiError with status 400."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise bad_request(f"'{command}' is not a valid command: {error}.") from error
    if len(words) < 2 or words[0] != "dbt" or not SUBCOMMANDS.intersection(words[1:]):
        raise bad_request(f"'{command}' is not a valid dbt command.")


def _refuse_unknown(fields: dict[str, Any]) -> None:
    known = set(Trigger.__struct_fields__) - {"cause_category"}
    unknown = [name for name in fields if name not in known]
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        verb = "was" if len(unknown) == 1 else "were"
        raise bad_request(f"Additional properties are not allowed ({names} {verb} unexpected)")


def _check(trigger: Trigger) -> None:
    if error := _text_error(trigger) or _number_error(trigger):
        raise error
    if trigger.steps_override is not None:
        if not trigger.steps_override:
            raise bad_request("steps_override: [] is too short")
        for step in trigger.steps_override:
            check_step(step)


def _text_error(trigger: Trigger) -> ApiError | None:
    if len(trigger.cause) > CAUSE_LIMIT:
        return bad_request(f"cause: Ensure this field has no more than {CAUSE_LIMIT} characters.")
    for name in ("cause", "git_sha", "git_branch", "schema_override", "target_name_override", "dbt_version_override"):
        if getattr(trigger, name) == "":
            return bad_request(f"{name}: This field may not be blank.")
    return None


def _number_error(trigger: Trigger) -> ApiError | None:
    for name, least in (("threads_override", 1), ("timeout_seconds_override", 0)):
        value = getattr(trigger, name)
        if value is not None and value < least:
            return bad_request(f"{name}: {value} is less than the minimum of {least}")
    return None
