"""What the read sides of the rooms have in common: one tenant at a time, rows into views."""

import json
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from chimera.database.postgres import Connection, Database
from chimera_protocol.errors import NotFound
from chimera_protocol.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asyncpg import Record

View = TypeVar("View", bound=Wire)
_JSON = frozenset({"tasks", "media", "statement", "body", "request", "answer", "mcp_tool_parameters"})
"""Columns that hold JSON, whichever room shows them."""


class TenantReads:
    """Base of the read sides. Lists are newest first; `before` is the last id of the page before."""

    def __init__(self, tenants: Database) -> None:
        self._tenants = tenants

    def _see(self, tenant_id: UUID) -> "AbstractAsyncContextManager[Connection]":
        return self._tenants.transaction(tenant_id)


def one(found: "Sequence[Record]", missing: str) -> "Record":
    """The only row. NotFound, in these words, when there is none."""
    if not found:
        raise NotFound(missing)
    return found[0]


def view(kind: type[View], row: "Record") -> View:
    """A row as it is shown."""
    return kind.model_validate({name: json.loads(value) if name in _JSON else value for name, value in row.items()})
