"""Limits: put in force, loosened by two operators only, and the flags that a human decides about (FIN-5)."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict, Forbidden
from chimera.ids import new_id
from chimera.money.ports import SpendPolicy
from chimera.money.rules import limits as rules
from chimera.money.rules.batch import TreasuryBatch
from chimera.money.rules.budget import Allowance, Counter
from chimera.money.service.batch import open_batch, write
from chimera.money.service.treasury import now
from chimera.money.store import limits as store
from chimera.money.types.limits import Limit
from chimera.money.types.views import FlagView, LimitChangeView
from chimera.values import Page
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.money import plain

if TYPE_CHECKING:
    from asyncpg import Record


LIMITS: TypeAdapter[list[Limit]] = TypeAdapter(list[Limit])


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
    batch = await open_batch(connection, [tenant_id], lambda: at or now())
    rows = await store.in_force(connection, tenant_id, scope, scope_key)
    before = {(row["span"], row["currency"]): row["limit_amount"] for row in rows}
    await store.withdraw(connection, tenant_id, scope, scope_key)
    after, waits = rules.change(before, limits)
    change_id = await _propose(connection, tenant_id, scope, scope_key, limits, actor) if waits else None
    if before != after:
        await _put_in_force(connection, batch, tenant_id, scope, scope_key, after, actor)
    return change_id


async def set_policy_limits(connection: Connection, tenant_id: UUID, policy: SpendPolicy, actor: str) -> list[UUID]:
    """Put a policy's limits in force; the changes that wait for a second operator."""
    own = rules.with_compute(policy.limits)
    changes = [await set_limits(connection, tenant_id, "tenant", str(tenant_id), own, actor)]
    for scope, wanted in (("category", policy.category_limits), ("payee", policy.payee_limits)):
        known = await store.keys(connection, tenant_id, scope)
        for key in sorted(known | set(wanted)):
            changes.append(await set_limits(connection, tenant_id, scope, key, wanted.get(key, []), actor))
    return [change_id for change_id in changes if change_id is not None]


class LimitService:
    """What operators decide about money: loosened limits, and spends that were flagged."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock

    async def confirm(self, tenant_id: UUID, change_id: UUID, actor: str) -> None:
        """Put a loosened limit in force. Forbidden for whoever proposed it: it takes two.

        NotFound and Conflict for a change that does not wait, Invalid when more is used already.
        """
        async with self._database.transaction(tenant_id) as connection:
            batch = await open_batch(connection, [tenant_id], self._clock)
            row = await self._waiting(connection, tenant_id, change_id)
            if row["proposed_by"] == actor:
                raise Forbidden("whoever proposes a looser limit cannot confirm it", remedy="Ask a second operator.")
            limits = LIMITS.validate_json(row["limits"])
            await store.decide_change(connection, change_id, "confirmed", actor)
            after = rules.allowance(limits)
            await _put_in_force(connection, batch, tenant_id, row["scope"], row["scope_key"], after, actor)

    async def withdraw(self, tenant_id: UUID, change_id: UUID, actor: str) -> None:
        """Let a proposed change fall. NotFound and Conflict for one that does not wait."""
        async with self._database.transaction(tenant_id) as connection:
            await self._waiting(connection, tenant_id, change_id)
            await store.decide_change(connection, change_id, "withdrawn", actor)
            await audit.note(
                connection, tenant_id, actor=actor, action="limits.withdrawn", subject=str(change_id), body={}
            )

    async def changes(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[LimitChangeView]:
        """Proposed changes, newest first."""
        async with self._database.transaction(tenant_id) as connection:
            rows = await store.changes(connection, tenant_id, limit, before)
        items = [LimitChangeView(**{**row, "limits": LIMITS.validate_json(row["limits"])}) for row in rows]
        return Page(items=items, next=items[-1].change_id if len(items) == limit else None)

    async def flags(self, tenant_id: UUID, limit: int, before: UUID | None = None) -> Page[FlagView]:
        """Suspicious spends, newest first."""
        async with self._database.transaction(tenant_id) as connection:
            rows = await store.flags(connection, tenant_id, limit, before)
        items = [FlagView.model_validate(dict(row)) for row in rows]
        return Page(items=items, next=items[-1].flag_id if len(items) == limit else None)

    async def decide_flag(self, tenant_id: UUID, flag_id: UUID, *, accept: bool, actor: str) -> None:
        """Let one spend like the flagged one through, within all limits, or leave it refused.

        NotFound for a flag that is not open.
        """
        async with self._database.transaction(tenant_id) as connection:
            status = "accepted" if accept else "dismissed"
            subject = await store.decide_flag(connection, tenant_id, flag_id, status, actor)
            if subject is None:
                raise NotFound(f"no open flag {flag_id}")
            await audit.note(connection, tenant_id, actor=actor, action=f"flag.{status}", subject=str(subject), body={})

    async def _waiting(self, connection: Connection, tenant_id: UUID, change_id: UUID) -> "Record":
        row = await store.lock_change(connection, tenant_id, change_id)
        if row is None:
            raise NotFound(f"no change {change_id}")
        if row["status"] != "waiting":
            raise Conflict(f"this change is {row['status']} already")
        return row


async def _propose(
    connection: Connection, tenant_id: UUID, scope: str, scope_key: str, limits: Sequence[Limit], actor: str
) -> UUID:
    body = LIMITS.dump_json(list(limits)).decode()
    change_id = new_id()
    await store.propose(connection, change_id, tenant_id, scope, scope_key, body, actor)
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
    allowance: Allowance,
    actor: str,
) -> None:
    before = await _counters(connection, tenant_id, scope, scope_key, batch.now)
    bound = {row["budget_id"] for row in await store.in_force(connection, tenant_id, scope, scope_key)}
    await store.retire(connection, tenant_id, scope, scope_key)
    adopted: list[JsonValue] = []
    for (span, currency), amount in allowance.items():
        place = (tenant_id, scope, scope_key, span, currency, amount)
        budget_id = await store.put(connection, new_id(), *place)
        if not await store.set_counters(connection, budget_id, amount, batch.now):
            raise _used_up(amount, currency)
        if span != "transaction" and budget_id not in bound:
            rows = await store.count_in(connection, budget_id, batch.now)
            if rows is None:
                raise _used_up(amount, currency)
            adopted += [_adopted(row) for row in rows]
    said: dict[str, JsonValue] = {
        "actor": actor,
        "time_zone": await store.time_zone(connection, tenant_id),
        "limits": [
            {**dict(row), "budget_id": str(row["budget_id"]), "amount": plain(row["amount"])}
            for row in await store.every(connection, tenant_id, scope, scope_key)
        ],
        "adopted": adopted,
    }
    after = await _counters(connection, tenant_id, scope, scope_key, batch.now)
    batch.limits(tenant_id, said, before, after)
    batch.note(tenant_id, actor, "limits.set", f"{scope}:{scope_key}", rules.told(allowance))
    await write(connection, batch)


async def _counters(connection: Connection, tenant_id: UUID, scope: str, scope_key: str, at: datetime) -> list[Counter]:
    rows = await store.counters(connection, tenant_id, scope, scope_key, at)
    return [Counter.model_validate(dict(row)) for row in rows]


def _adopted(row: "Record") -> JsonValue:
    return {
        "reservation_id": str(row["reservation_id"]),
        "budget_id": str(row["budget_id"]),
        "span_start": row["span_start"].isoformat(),
    }


def _used_up(amount: Decimal, currency: str) -> Invalid:
    return Invalid(
        f"more than {plain(amount)} {currency} is reserved and spent already",
        remedy="Choose a limit above what is used.",
    )
