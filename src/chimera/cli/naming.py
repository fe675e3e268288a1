"""What people call things, and the ids that the API asks for."""

from enum import Enum
from typing import NoReturn
from uuid import UUID

from pydantic import JsonValue
from rich.markup import escape

from chimera.cli.client import call, fail, rows

_PAGE = 500


class Named(Enum):
    """What has a name: where it is listed, its id, its name, what tells two of one name apart, and who lists it."""

    INFLUENCER = ("/v1/influencers", "agent_id", "persona", "account", "persona")
    CAMPAIGN = ("/v1/campaigns", "campaign_id", "name", "persona", "campaign")
    KEY = ("/v1/keys", "key_id", "name", "role", "keys")


def identify(kind: Named, given: str) -> str:
    """The id of what is called so; an id is one already. Ends the program when there is none, or more than one."""
    if _is_id(given):
        return given
    path, id_name, name, _, _ = kind.value
    called = [row for row in _listed(path) if row.get(name) == given]
    # A key that was revoked keeps its name, and another one may bear it now.
    found = [row for row in called if row.get("revoked_at") is None] or called
    if len(found) != 1:
        _unclear(kind, given, found)
    return str(found[0][id_name])


def _unclear(kind: Named, given: str, found: list[dict[str, JsonValue]]) -> NoReturn:
    _, id_name, _, apart, listing = kind.value
    what = kind.name.lower()
    if not found:
        fail(f"no {what} is called {escape(given)}", f"See 'chimera {listing} list'.")
    choices = "\n  ".join(f"{row[id_name]} {escape(str(row[apart]))}" for row in found)
    fail(f"{len(found)} {what}s are called {escape(given)}", f"Say which, by its id:\n  {choices}")


def _listed(path: str) -> list[dict[str, JsonValue]]:
    """All rows, page after page."""
    found: list[dict[str, JsonValue]] = []
    query = f"?limit={_PAGE}"
    while True:
        answer = call("GET", f"{path}{query}")
        found += rows(answer)
        following = answer.get("next") if isinstance(answer, dict) else None
        if following is None:
            return found
        query = f"?limit={_PAGE}&before={following}"


def _is_id(given: str) -> bool:
    try:
        UUID(given)
    except ValueError:
        return False
    return True
