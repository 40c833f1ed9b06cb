"""What the drivers of dlt's destinations say, for people: their own words may hold values and stay in the log."""

import re
from collections.abc import Sequence

from freshet.workloads.errors import ConfigError, InputError, Unavailable, WorkloadError, missing, unfit
from freshet.workloads.moments import no_times

__all__ = ["of_driver"]

_REFUSED = (
    r"authentication failed|no password supplied|invalid credentials|login failed|password is incorrect|\b401\b"
    r"|is not permitted to log in|role \"[^\"]*\" does not exist"
)
_RACE = r"pg_(type|class|namespace|attribute)_"
"""Two that make one table at once stumble over a rule of PostgreSQL's own catalog."""
_KEPT_OUT = r"pg_hba\.conf"
_FORBIDDEN = r"permission denied|must be owner of|insufficient privileg|not authorized|access denied|\b403\b"
_NO_TLS = (
    r"does not support SSL|certificate verify failed|does not match host name|invalid sslmode value"
    r"|root certificate file .* does not exist"
)
_NOWHERE = (
    r"could not translate host name|name or service not known|database \"[^\"]*\" does not exist|unknown database"
)
_ELSEWHERE = r"cross-database references"
_UNFILLED = r"has not been populated"
_NO_MAXIMUM = r"function max\(|for max operator"
_NO_CAST = r"is of type .* but expression is of type"
_PASSES = (
    r"already exists|time[d ]*out|\b(dead)?lock(s|ed)?\b|cancel|concurrent|closed|not (currently )?available|try again"
    r"|retry"
)
"""What some drivers (of Snowflake, of SQL Server) call a mistake of the program, too."""
_QUOTED = r"\n(LINE \d+|DETAIL|HINT|QUERY|CONTEXT): |\n?\[SQL: "
"""Here a message goes on with the statement and its values."""


def of_driver(chain: Sequence[BaseException], *, name: str, what: str, relation: str, counts: bool) -> WorkloadError:
    """``chain``: an error and those behind it, from a destination ``name`` that was to do ``what``."""
    text, kind = " / ".join(map(_own_words, chain)), type(chain[-1]).__name__
    return (
        _of_rows(chain, relation, counts=counts)
        or _of_relation(text, relation)
        or _of_settings(text, name=name, what=what)
        or _of_statement(chain, name=name, what=what)
        or Unavailable(
            "WarehouseUnavailable",
            f"dlt's destination {name} did not do {what} ({kind}): it is tried again; --debug shows the details.",
        )
    )


def _own_words(error: BaseException) -> str:
    """Without values and names: a 401 among them is no answer of the server's."""
    return re.sub(r'"[^"\n]*"', '"…"', re.split(_QUOTED, str(error), maxsplit=1)[0])


def _kinds(error: BaseException) -> set[str]:
    """The classes that each driver has (PEP 249)."""
    return {kind.__name__ for kind in type(error).__mro__}


def _of_rows(chain: Sequence[BaseException], relation: str, *, counts: bool) -> WorkloadError | None:
    """What the table does not take, or a view cannot make."""
    for one in chain:
        refused = _kinds(one) & {"IntegrityError", "DataError", "RaiseException"}
        if refused and not re.search(_RACE, str(one)):
            if counts:
                return unfit(relation)
            return InputError(
                "ConstraintViolated",
                f"Rows of this load do not fit {relation}, which has a rule for them (NOT NULL, a key, a CHECK) or a"
                " column too short or small for a value: nothing is reported as loaded; mend the export or the table;"
                " --debug shows which it is.",
            )
    return None


def _of_relation(text: str, relation: str) -> WorkloadError | None:
    if re.search(_ELSEWHERE, text, re.IGNORECASE):
        return missing(relation)
    if re.search(_UNFILLED, text, re.IGNORECASE):
        return ConfigError(
            "RelationBroken", f"{relation} cannot be read: it has not been filled yet (WITH NO DATA): refresh it."
        )
    if re.search(_NO_MAXIMUM, text, re.IGNORECASE):
        return no_times(f"of {relation}")
    if re.search(_NO_CAST, text, re.IGNORECASE):
        return ConfigError(
            "SchemaConflict",
            f"{relation} has a column that dlt brings as text, such as a time or a uuid, which merge and replace cannot"
            " fill: make it a text there, use append, or load into another table.",
        )
    return None


def _of_settings(text: str, *, name: str, what: str) -> WorkloadError | None:
    """What the Secret says, or the server about who comes with it."""
    secret = "the Secret (warehouse.dlt.secretRef)"
    said = {
        _REFUSED: (
            "AuthenticationFailed",
            f"dlt's destination {name} refuses the credentials: renew them in {secret}.",
        ),
        _NO_TLS: (
            "WarehouseUnsupported",
            f"The server of dlt's destination {name} does not have the TLS that its credentials ask for: mend sslmode"
            f" and certificates in {secret}, or on the server.",
        ),
        _NOWHERE: (
            "WarehouseMissing",
            f"The host or the database that the credentials of dlt's destination {name} name does not exist: mend"
            f" {secret}.",
        ),
        _KEPT_OUT: (
            "PermissionDenied",
            f"The server of dlt's destination {name} does not let this user into this database from here: add a line to"
            f" its pg_hba.conf, or mend user, database and sslmode in {secret}.",
        ),
        _FORBIDDEN: ("PermissionDenied", f"The credentials for {name} do not allow {what}: grant what it needs."),
    }
    return next((ConfigError(*one) for mark, one in said.items() if re.search(mark, text, re.IGNORECASE)), None)


def _of_statement(chain: Sequence[BaseException], *, name: str, what: str) -> WorkloadError | None:
    """What the server would refuse as often as it is asked; the first error of a driver's tells, for others were dealt
    with before it.
    """
    own = next((one for one in chain if _kinds(one) & {"DatabaseError", "InterfaceError"}), None)
    if own is None or not _kinds(own) & {"ProgrammingError", "NotSupportedError"}:
        return None
    if re.search(_PASSES, _own_words(own), re.IGNORECASE):
        return None
    return ConfigError(
        "StatementRefused",
        f"dlt's destination {name} refuses a statement of {what} ({type(own).__name__}), and would again: --debug shows"
        " which; mend what it names.",
    )
