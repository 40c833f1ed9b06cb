"""What a request says: the ids in its path, its query string, its body. What nobody knows is refused."""

from aiohttp import web

from freshet.local.dbtcloud.envelope import bad_request, not_found
from freshet.local.dbtcloud.filters import number, refuse_unknown

__all__ = ["id_of", "nothing_but", "query_of", "step_of", "without_body"]


def query_of(request: web.Request, *, account: int) -> dict[str, str]:
    """The query string; a name that comes twice is one list. Raises ApiError with status 404 for another account's
    path, which the token cannot see.
    """
    if int(request.match_info["account"]) != account:
        raise not_found()
    names = set(request.query)
    return {name: ",".join(request.query.getall(name)) for name in sorted(names)}


def nothing_but(request: web.Request, *known: str, account: int) -> dict[str, str]:
    """The query string where only these names have a meaning. Raises ApiError with status 400 for any other."""
    query = query_of(request, account=account)
    refuse_unknown(query, frozenset(known))
    return query


async def without_body(request: web.Request) -> None:
    """Some requests have nothing to say. Raises ApiError with status 400 where one does."""
    body = (await request.read()).strip()
    if body not in (b"", b"{}"):
        raise bad_request("The body of this request must be empty.")


def id_of(request: web.Request) -> int:
    """The id in its path."""
    return int(request.match_info["id"])


def step_of(query: dict[str, str]) -> int | None:
    """Which step is asked for. Raises ApiError with status 400."""
    return number("step", query["step"]) if "step" in query else None
