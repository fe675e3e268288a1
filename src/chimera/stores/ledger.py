"""Budgets and the ledger: reserve before, settle after, exact decimals, double entry (FIN-1..4)."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
from pydantic import JsonValue, TypeAdapter

from chimera.contracts.claims import SpendOrder
from chimera.contracts.errors import Conflict, Invalid
from chimera.contracts.finance import Authorization, CfoAnswer, PolicyViolation
from chimera.contracts.fleet import Limit
from chimera.contracts.ids import new_id
from chimera.contracts.values import plain
from chimera.domain import budget
from chimera.domain.provenance import canonical_hash
from chimera.stores.postgres import Database, queries

if TYPE_CHECKING:
    from chimera.stores.postgres import Connection

SQL = queries("ledger")
ANSWER: TypeAdapter[CfoAnswer] = TypeAdapter(CfoAnswer)


class Ledger:
    """Implements `ports.Treasury`. Each call is one transaction; counters are locked in one order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def authorise(self, order: SpendOrder) -> CfoAnswer:
        """See `ports.Treasury.authorise`."""
        wish = canonical_hash(order.request.model_dump(mode="json"))
        async with self._database.transaction(order.tenant_id) as connection:
            await connection.execute(SQL["lock_key"], f"{order.tenant_id}:{order.idempotency_key}")
            known = await connection.fetchrow(SQL["known"], order.tenant_id, order.idempotency_key)
            if known is not None:
                if known["request_hash"] != wish:
                    raise Conflict("this Idempotency-Key was used for another request", remedy="Use a fresh key.")
                return ANSWER.validate_json(known["answer"])
            counters = await _lock_counters(connection, order)
            answer = budget.weigh(order.request.money, counters) or _authorization(order, wish, counters)
            await self._record(connection, order, wish, counters, answer)
            return answer

    async def _record(
        self,
        connection: "Connection",
        order: SpendOrder,
        wish: str,
        counters: Sequence[budget.Counter],
        answer: CfoAnswer,
    ) -> None:
        money, reservation_id = order.request.money, new_id()
        granted = isinstance(answer, Authorization)
        held = _keys(counter for counter in counters if counter.span != "transaction") if granted else "[]"
        if granted:
            await connection.execute(SQL["reserve_counters"], held, money.amount)
        await connection.execute(
            SQL["insert_reservation"],
            reservation_id,
            order.tenant_id,
            order.agent_id,
            order.campaign_id,
            order.task_id,
            order.idempotency_key,
            wish,
            order.request.model_dump_json(),
            money.currency,
            money.amount,
            held,
            answer.model_dump_json(),
            "reserved" if granted else "refused",
        )
        if isinstance(answer, Authorization):
            await _book(connection, reservation_id, "reserve", "reserved", "budget", answer.budget_verification_hash)
        body: dict[str, JsonValue] = {"amount": str(money), "purpose": order.request.purpose}
        await note(
            connection,
            order.tenant_id,
            actor="cfo",
            action="spend.authorised" if granted else "spend.refused",
            subject=str(order.task_id or reservation_id),
            body={**body, "answer": answer.model_dump(mode="json")},
        )


async def settle(connection: "Connection", reservation_id: UUID, asset_id: UUID | None) -> None:
    """The money was spent: reserved becomes spent. Done twice it changes nothing."""
    await _close(connection, reservation_id, "settled", "settle_counters", asset_id)


async def release(connection: "Connection", reservation_id: UUID) -> None:
    """The money was not spent: it is free again. Done twice it changes nothing."""
    await _close(connection, reservation_id, "released", "release_counters", None)


async def set_limits(
    connection: "Connection", tenant_id: UUID, scope: str, scope_id: UUID, limits: Sequence[Limit]
) -> None:
    """Put these limits in force and no others. Invalid when one is below what is already reserved and spent."""
    await connection.execute(SQL["retire_budgets"], tenant_id, scope, scope_id)
    for limit in limits:
        money = limit.money
        budget_id = await connection.fetchval(
            SQL["set_budget"], new_id(), tenant_id, scope, scope_id, limit.span, money.currency, money.amount
        )
        time_zone = await connection.fetchval(SQL["time_zone"], tenant_id)
        start = budget.span_start(limit.span, datetime.now(UTC), time_zone)
        try:
            await connection.execute(SQL["set_counter_limits"], budget_id, money.amount, start)
        except asyncpg.CheckViolationError as error:
            raise Invalid(
                f"more than {money} is reserved and spent already", remedy="Choose a limit above what is used."
            ) from error


async def note(
    connection: "Connection",
    tenant_id: UUID,
    *,
    actor: str,
    action: str,
    subject: str,
    body: dict[str, JsonValue],
) -> None:
    """Append an audit event in the caller's transaction (PRV-4)."""
    await connection.execute(SQL["note"], new_id(), tenant_id, actor, action, subject, json.dumps(body))


async def _lock_counters(connection: "Connection", order: SpendOrder) -> list[budget.Counter]:
    money, now = order.request.money, datetime.now(UTC)
    rows = await connection.fetch(SQL["budgets"], order.tenant_id, money.currency, order.agent_id, order.campaign_id)
    if order.campaign_id is not None and not any(row["scope"] == "campaign" for row in rows):
        raise Invalid(
            f"this campaign has no budget in {money.currency}",
            remedy="Add a limit in that currency to the campaign's budget.",
        )
    starts = {row["budget_id"]: budget.span_start(row["span"], now, row["time_zone"]) for row in rows}
    wanted = json.dumps(
        [
            {
                "budget_id": str(row["budget_id"]),
                "span_start": starts[row["budget_id"]].isoformat(),
                "limit_amount": plain(row["limit_amount"]),
            }
            for row in rows
        ]
    )
    await connection.execute(SQL["open_counters"], wanted, order.tenant_id)
    locked = await connection.fetch(SQL["lock_counters"], wanted)
    kinds = {row["budget_id"]: (row["scope"], row["span"]) for row in rows}
    return [
        budget.Counter(
            budget_id=row["budget_id"],
            scope=kinds[row["budget_id"]][0],
            span=kinds[row["budget_id"]][1],
            span_start=row["span_start"],
            limit=row["limit_amount"],
            reserved=row["reserved"],
            spent=row["spent"],
        )
        for row in locked
    ]


def _authorization(order: SpendOrder, wish: str, counters: Sequence[budget.Counter]) -> Authorization:
    now = datetime.now(UTC)
    evidence: dict[str, JsonValue] = {
        "request_hash": wish,
        "idempotency_key": order.idempotency_key,
        "timestamp": now.isoformat(),
        "counters": [counter.model_dump(mode="json") for counter in counters],
    }
    return Authorization(budget_verification_hash=canonical_hash(evidence), timestamp=now)


def _keys(counters: Iterable[budget.Counter]) -> str:
    return json.dumps([{"budget_id": str(row.budget_id), "span_start": row.span_start.isoformat()} for row in counters])


async def _close(
    connection: "Connection", reservation_id: UUID, status: str, counters: str, asset_id: UUID | None
) -> None:
    row = await connection.fetchrow(SQL["lock_reservation"], reservation_id)
    if row is None or row["status"] != "reserved":
        return
    await connection.execute(SQL["close_reservation"], reservation_id, status)
    await connection.fetch(SQL["lock_counters"], row["counters"])  # in the order in which everybody locks them
    await connection.execute(SQL[counters], row["counters"], row["amount"])
    answer = ANSWER.validate_json(row["answer"])
    verification = "" if isinstance(answer, PolicyViolation) else answer.budget_verification_hash
    entry, debit, credit = ("settle", "spent", "reserved") if status == "settled" else ("release", "budget", "reserved")
    await _book(connection, reservation_id, entry, debit, credit, verification, asset_id)


async def _book(
    connection: "Connection",
    reservation_id: UUID,
    entry: str,
    debit: str,
    credit: str,
    verification: str,
    asset_id: UUID | None = None,
) -> None:
    row = await connection.fetchrow(SQL["lock_reservation"], reservation_id)
    if row is None:
        raise Invalid("this reservation does not exist")
    transaction_id, owner = new_id(), row["agent_id"] or row["tenant_id"]
    amount: Decimal = row["amount"]
    await connection.execute(
        SQL["book"],
        transaction_id,
        asset_id,
        row["currency"],
        amount,
        verification,
        row["tenant_id"],
        row["agent_id"],
        row["campaign_id"],
        reservation_id,
        entry,
        f"{entry} {plain(amount)} {row['currency']}",
    )
    for account, change in ((debit, amount), (credit, -amount)):
        await connection.execute(SQL["post"], transaction_id, f"{account}:{owner}", change, row["tenant_id"])
