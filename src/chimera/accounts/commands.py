"""`chimera keys` and `chimera policy`: who may, and what always holds."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from chimera.cli.client import call, say
from chimera.cli.rooms import JSON, Key, Room, read, table
from chimera.values import KeyRole

keys = Room("API keys.")


@keys.asks("add", "POST /v1/keys", JSON)
def add(name: str, role: KeyRole) -> JsonValue:
    """Make a key; it is shown this once."""
    return {"name": name, "role": role.value}


@keys.asks("list", "GET /v1/keys", table("name", "role", "expires_at", "revoked_at", "key_id"))
def list_keys() -> None:
    """The keys, without their secrets."""


@keys.asks("revoke", "DELETE /v1/keys/{key}")
def revoke(key: Key) -> None:
    """Revoke a key."""


def policy(file: Annotated[Path | None, typer.Argument(help="The policy to put in force.")] = None) -> None:
    """Show the fleet policy, or put one in force at once."""
    say(call("PUT", "/v1/policy", read(file)) if file else call("GET", "/v1/policy"), True)
