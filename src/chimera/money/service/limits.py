"""Limits: put in force, loosened by two operators only, and the flags that a human decides about (FIN-5)."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from pydantic import JsonValue, TypeAdapter

from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database, queries
from chimera.errors import Conflict, Forbidden
from chimera.ids import new_id
from chimera.money.rules import budget
from chimera.money.rules.budget import Counter
from chimera.money.service.batch import TreasuryBatch, lock
from chimera.money.service.treasury import now
from chimera.money.types.limits import Limit
from chimera.money.types.views import FlagView, LimitChangeView
from chimera.personas.types.policy import Policy
from chimera.values import Page
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.money import plain

if TYPE_CHECKING:
    from asyncpg import Record


SQL = queries("money/limits")
LIMITS: TypeAdapter[list[Limit]] = TypeAdapter(list[Limit])

COMPUTE_A_DAY = Limit(span="day", amount="50000000 COMPUTE")
"""What a tenant's models may use when its policy says nothing about it, in tokens."""


async def set_limits(
    connection: Connection,
    tenant_id: UUID,
    scope: str,
    scope_key: str,
    limits: Sequence[Limit],
    actor: str,
    at: datetime | None = None,
) -> UUID | None:
    """Put these limits in force and no others. What they loosen waits for a second operator: the change's id.

    The first limits of a scope need nobody's leave. Invalid when one is below what is already reserved and spent.
    """
    heads = await lock(connection, [tenant_id])
    rows = await connection.fetch(SQL["in_force"], tenant_id, scope, scope_key)
    before = {(row["span"], row["currency"]): row["limit_amount"] for row in rows}
    after: budget.Allowance = _allowance(limits)
    await connection.execute(SQL["withdraw"], tenant_id, scope, scope_key)
    change_id: UUID | None = None
    if before and before != _allowance([COMPUTE_A_DAY]) and budget.loosens(before, after):
        change_id = await _propose(connection, tenant_id, scope, scope_key, limits, actor)
        after = budget.tightest(before, after)
    if before != after:
        await _put_in_force(connection, TreasuryBatch(heads, at or now()), tenant_id, scope, scope_key, after, actor)
    return change_id


async def set_policy_limits(connection: Connection, tenant_id: UUID, policy: Policy, actor: str) -> list[UUID]:
    """Put a policy's limits in force; the changes that wait for a second operator."""
    own = list(policy.limits)
    if not any(limit.money.currency == "COMPUTE" for limit in own):
        own.append(COMPUTE_A_DAY)
    changes = [await set_limits(connection, tenant_id, "tenant", str(tenant_id), own, actor)]
    for scope, wanted in (("category", policy.category_limits), ("payee", policy.payee_limits)):
        known = {row["scope_key"] for row in await connection.fetch(SQL["keys"], tenant_id, scope)}
        for key in sorted(known | set(wanted)):
            changes.append(await set_limits(connection, tenant_id, scope, key, wanted.get(key, []), actor))
    return [change_id for change_id in changes if change_id is not None]


class LimitService:
    """What operators decide about money: loosened limits, and spends that were flagged."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    async def confirm(self, tenant_id: UUID, change_id: UUID, actor: str) -> None:
        """Put a loosened limit in force. Forbidden for whoever proposed it: it takes two."""
        async with self._database.transaction(tenant_id) as connection:
            heads = await lock(connection, [tenant_id])
            row = await self._waiting(connection, tenant_id, change_id)
            if row["proposed_by"] == actor:
                raise Forbidden("whoever proposes a looser limit cannot confirm it", remedy="Ask a second operator.")
            limits = LIMITS.validate_json(row["limits"])
            await connection.execute(SQL["decide_change"], change_id, "confirmed", actor)
            batch, after = TreasuryBatch(heads, self._clock()), _allowance(limits)
            await _put_in_force(connection, batch, tenant_id, row["scope"], row["scope_key"], after, actor)

    async def withdraw(self, tenant_id: UUID, change_id: UUID, actor: str) -> None:
        """Let a proposed change fall."""
        async with self._database.transaction(tenant_id) as connection:
            await self._waiting(connection, tenant_id, change_id)
            await connection.execute(SQL["decide_change"], change_id, "withdrawn", actor)
            await audit.note(
                connection, tenant_id, actor=actor, action="limits.withdrawn", subject=str(change_id), body={}
            )

    async def changes(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[LimitChangeView]:
        """Proposed changes, newest first."""
        async with self._database.transaction(tenant_id) as connection:
            rows = await connection.fetch(SQL["changes"], tenant_id, limit, before)
        items = [LimitChangeView(**{**row, "limits": LIMITS.validate_json(row["limits"])}) for row in rows]
        return Page(items=items, next=items[-1].change_id if len(items) == limit else None)

    async def flags(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[FlagView]:
        """Suspicious spends, newest first."""
        async with self._database.transaction(tenant_id) as connection:
            rows = await connection.fetch(SQL["flags"], tenant_id, limit, before)
        items = [FlagView.model_validate(dict(row)) for row in rows]
        return Page(items=items, next=items[-1].flag_id if len(items) == limit else None)

    async def decide_flag(self, tenant_id: UUID, flag_id: UUID, *, accept: bool, actor: str) -> None:
        """Let one spend like the flagged one through, within all limits, or leave it refused."""
        async with self._database.transaction(tenant_id) as connection:
            status = "accepted" if accept else "dismissed"
            subject = await connection.fetchval(SQL["decide_flag"], tenant_id, flag_id, status, actor)
            if subject is None:
                raise NotFound(f"no open flag {flag_id}")
            await audit.note(connection, tenant_id, actor=actor, action=f"flag.{status}", subject=str(subject), body={})

    async def _waiting(self, connection: Connection, tenant_id: UUID, change_id: UUID) -> "Record":
        row = await connection.fetchrow(SQL["lock_change"], tenant_id, change_id)
        if row is None:
            raise NotFound(f"no change {change_id}")
        if row["status"] != "waiting":
            raise Conflict(f"this change is {row['status']} already")
        return row


async def _propose(
    connection: Connection, tenant_id: UUID, scope: str, scope_key: str, limits: Sequence[Limit], actor: str
) -> UUID:
    body = LIMITS.dump_json(list(limits)).decode()
    change_id: UUID = await connection.fetchval(SQL["propose"], new_id(), tenant_id, scope, scope_key, body, actor)
    await audit.note(
        connection,
        tenant_id,
        actor=actor,
        action="limits.proposed",
        subject=str(change_id),
        body={"scope": scope, "scope_key": scope_key, "limits": json.loads(body)},
    )
    return change_id


async def _put_in_force(
    connection: Connection,
    batch: TreasuryBatch,
    tenant_id: UUID,
    scope: str,
    scope_key: str,
    allowance: budget.Allowance,
    actor: str,
) -> None:
    before = await _counters(connection, tenant_id, scope, scope_key, batch.now)
    rows = await connection.fetch(SQL["in_force"], tenant_id, scope, scope_key)
    bound = {row["budget_id"] for row in rows}
    await connection.execute(SQL["retire"], tenant_id, scope, scope_key)
    adopted: list[JsonValue] = []
    for (span, currency), amount in allowance.items():
        budget_id = await connection.fetchval(SQL["set"], new_id(), tenant_id, scope, scope_key, span, currency, amount)
        try:
            await connection.execute(SQL["set_counters"], budget_id, amount, batch.now)
            if span != "transaction" and budget_id not in bound:
                adopted += await _count_in(connection, budget_id, batch.now)
        except (asyncpg.CheckViolationError, asyncpg.NumericValueOutOfRangeError) as error:
            raise Invalid(
                f"more than {plain(amount)} {currency} is reserved and spent already",
                remedy="Choose a limit above what is used.",
            ) from error
    said: dict[str, JsonValue] = {
        "actor": actor,
        "time_zone": await connection.fetchval(SQL["time_zone"], tenant_id),
        "limits": [
            {**dict(row), "budget_id": str(row["budget_id"]), "amount": plain(row["amount"])}
            for row in await connection.fetch(SQL["all"], tenant_id, scope, scope_key)
        ],
        "adopted": adopted,
    }
    after = await _counters(connection, tenant_id, scope, scope_key, batch.now)
    batch.limits(tenant_id, said, before, after)
    told: dict[str, JsonValue] = {f"{currency} by {span}": plain(each) for (span, currency), each in allowance.items()}
    batch.note(tenant_id, actor, "limits.set", f"{scope}:{scope_key}", told)
    await batch.write(connection)


async def _count_in(connection: Connection, budget_id: UUID, at: datetime) -> list[JsonValue]:
    """Let a limit that binds anew count what was used meanwhile; the pending transfers that it holds from now on."""
    return [
        {
            "reservation_id": str(row["reservation_id"]),
            "budget_id": str(row["budget_id"]),
            "span_start": row["span_start"].isoformat(),
        }
        for row in await connection.fetch(SQL["count_in"], budget_id, at)
    ]


async def _counters(connection: Connection, tenant_id: UUID, scope: str, scope_key: str, at: datetime) -> list[Counter]:
    rows = await connection.fetch(SQL["counters"], tenant_id, scope, scope_key, at)
    return [Counter.model_validate(dict(row)) for row in rows]


def _allowance(limits: Sequence[Limit]) -> dict[tuple[str, str], Decimal]:
    return {(limit.span, limit.money.currency): limit.money.amount for limit in limits}
