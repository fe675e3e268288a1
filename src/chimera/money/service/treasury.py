"""The treasury: reserve before, settle after, exact decimals, double entry, every decision on the chain (FIN-1..4)."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from chimera.audit.service import trail as audit
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.money.rules.anomalies import AnomalyDetector, PastSpend, SpendHistory, Vouched, payer_of
from chimera.money.rules.batch import PendingTransfer, SpendRequest
from chimera.money.rules.budget import Counter
from chimera.money.service.batch import open_batch, write
from chimera.money.store import treasury as store
from chimera.money.types.authorization import ANSWER, ROUTINE, Closing, Decided, SpendOutcome
from chimera.money.types.limits import AnomalyRules
from chimera.money.types.messages import SpendOrder

if TYPE_CHECKING:
    from asyncpg import Record


_EXPIRE_BATCH = 500
_LONGEST_CAUSE = 500
_TASK_IS_OVER = timedelta(minutes=1)
_CALL_IS_LOST = timedelta(minutes=15)
"""No model call takes as long, so whoever made one that is still open is gone."""


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


class Treasury:
    """Budgets and the ledger in PostgreSQL. Requests that arrive together share one lock and one commit."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock
        self._authorise: GroupCommit[SpendRequest, Decided | Conflict] = GroupCommit(self._decide)
        self._close: GroupCommit[Closing, None] = GroupCommit(self._end)

    async def authorise(self, order: SpendOrder) -> Decided:
        """Reserve the money or refuse it. The same key gives the same answer; Conflict when the request is another."""
        decided = await self._authorise(SpendRequest.of(order))
        if isinstance(decided, Conflict):
            raise decided
        return decided

    async def close(self, closing: Closing) -> None:
        """End a pending transfer; one that has ended already stays as it is."""
        await self._close(closing)

    async def mark_unknown(self, reservation_id: UUID, cause: str) -> None:
        """Nobody knows what it cost: it keeps its reservation, and a human is shown it."""
        told = cause[:_LONGEST_CAUSE]
        async with self._database.transaction() as connection:
            tenant_id = await store.mark_unknown(connection, reservation_id, told)
            if tenant_id is not None:
                await audit.note(
                    connection,
                    tenant_id,
                    actor="cfo",
                    action="spend.in_doubt",
                    subject=str(reservation_id),
                    body={"cause": told},
                )

    async def answered(self, tenant_id: UUID, key: str) -> Decided | None:
        """What was answered under a key before, if it was used."""
        async with self._database.connection() as connection:
            row = await store.answered(connection, tenant_id, key)
        return _decided(row) if row is not None else None

    async def tidy(self) -> int:
        """End what nobody settled in time or will spend, how many; show a human what nobody can settle."""
        async with self._database.connection() as connection:
            await store.mark_lost(connection, self._clock() - _CALL_IS_LOST)
        async with self._database.transaction() as connection:
            due = await store.expiring(connection, self._clock(), _EXPIRE_BATCH)
            idle = await store.idle(connection, self._clock() - _TASK_IS_OVER, _EXPIRE_BATCH)
            ended = [Closing(reservation_id=each, outcome=SpendOutcome.EXPIRED) for each in due]
            ended += [Closing(reservation_id=each, outcome=SpendOutcome.VOIDED) for each in idle]
            await close(connection, ended, self._clock())
        return len(ended)

    async def _decide(self, group: Sequence[SpendRequest]) -> Sequence[Decided | Conflict]:
        orders = store.spends(enumerate(wish.order for wish in group))
        async with self._database.transaction() as connection:
            batch = await open_batch(connection, (wish.order.tenant_id for wish in group), self._clock)
            known = {row["n"]: row for row in await store.known(connection, orders)}
            if len(known) == len(group):
                return [_again(known[n], wish) for n, wish in enumerate(group)]
            binding: dict[int, list[Counter]] = {}
            for row in await store.binding(connection, orders, batch.now):
                binding.setdefault(row["n"], []).append(_counter(row))
            detector = await _detector(connection, [wish.order for wish in group], batch.now)
            answers: dict[tuple[UUID, str], tuple[str, Decided]] = {}
            outcomes: list[Decided | Conflict] = []
            for n, wish in enumerate(group):
                order = wish.order
                key = order.tenant_id, order.idempotency_key
                if n in known:
                    outcomes.append(_again(known[n], wish))
                elif key in answers:  # twice in one batch
                    first, decided = answers[key]
                    outcomes.append(decided if first == wish.hash else _reused())
                else:
                    objections, flag_id = detector.objections(n, order)
                    decided = batch.authorise(wish, binding.get(n, []), objections, flag_id)
                    if decided.granted:
                        detector.learn(order, batch.now, flag_id if objections else None)
                    answers[key] = wish.hash, decided
                    outcomes.append(decided)
            await write(connection, batch)
        return outcomes

    async def _end(self, group: Sequence[Closing]) -> Sequence[None]:
        async with self._database.transaction() as connection:
            await close(connection, group, self._clock())
        return [None] * len(group)


async def close(connection: Connection, closings: Sequence[Closing], at: datetime | None = None) -> list[UUID]:
    """End pending transfers in the caller's transaction; those that were still pending. Done twice it changes nothing.

    Locks the treasuries, then the transfers, in order: call it after every other lock of the transaction.
    """
    wanted = {closing.reservation_id: closing for closing in closings}
    payers = await store.payers(connection, list(wanted)) if wanted else []
    if not payers:
        return []
    batch = await open_batch(connection, payers, lambda: at or now())
    rows = await store.pending(connection, list(wanted))
    if not rows:
        return []
    keys = {row["reservation_id"]: json.loads(row["counters"]) for row in rows}
    held = await store.held(connection, [key for each in keys.values() for key in each])
    found = {counter.key: counter for counter in map(_counter, held)}
    for row in rows:
        transfer = _transfer(row, keys[row["reservation_id"]])
        batch.close(transfer, [found[key] for key in sorted(transfer.held_on)], wanted[transfer.reservation_id])
    await write(connection, batch)
    return [row["reservation_id"] for row in rows]


async def void(connection: Connection, reservation_ids: Sequence[UUID]) -> None:
    """The money was not spent: it is free again."""
    await close(connection, [Closing(reservation_id=each, outcome=SpendOutcome.VOIDED) for each in reservation_ids])


async def _detector(connection: Connection, orders: Sequence[SpendOrder], now: datetime) -> AnomalyDetector:
    """What the anomaly rules look at, read once for a batch, and no more of it than they will."""
    watched = [(n, order) for n, order in enumerate(orders) if order.request.category not in ROUTINE]
    if not watched:
        return AnomalyDetector({}, {}, {}, {})
    given = store.spends(watched)
    around = await store.surroundings(connection, given, now)
    rules = {row["tenant_id"]: _rules(row["policy_hash"], row["anomalies"]) for row in around}
    payers = {row["tenant_id"]: frozenset(row["payers"]) for row in around}
    if not any(each.enabled for each in rules.values()):
        return AnomalyDetector(rules, payers, {}, {})
    vouched = {row["n"]: Vouched(row["payees"], row["flags"]) for row in await store.vouched(connection, given)}
    past: dict[tuple[UUID, str], list[PastSpend]] = {}
    for row in await store.habits(connection, given, now):
        spent = PastSpend(amount=row["amount"], payee=row["payee"], at=row["at"])
        past.setdefault((row["payer"], row["currency"]), []).append(spent)
    payer = {payer_of(order): order.tenant_id for _, order in watched}
    histories = {
        who: SpendHistory(past.get(who, []), rules[tenant_id], now)
        for who, tenant_id in payer.items()
        if tenant_id in rules
    }
    return AnomalyDetector(rules, payers, vouched, histories)


@lru_cache(maxsize=256)
def _rules(_: str, anomalies: str | None) -> AnomalyRules:
    return AnomalyRules() if anomalies is None else AnomalyRules.model_validate_json(anomalies)


def _counter(row: "Record") -> Counter:
    fields = ("budget_id", "scope", "scope_key", "span", "span_start", "limit", "reserved", "spent")
    return Counter(**{name: row[name] for name in fields})


def _transfer(row: "Record", keys: Sequence[dict[str, str]]) -> PendingTransfer:
    return PendingTransfer(
        reservation_id=row["reservation_id"],
        tenant_id=row["tenant_id"],
        agent_id=row["agent_id"],
        campaign_id=row["campaign_id"],
        task_id=row["task_id"],
        category=row["category"],
        payee=row["payee"],
        currency=row["currency"],
        amount=row["amount"],
        verification=row["verification"],
        held_on=[(UUID(key["budget_id"]), date.fromisoformat(key["span_start"])) for key in keys],
    )


def _decided(row: "Record") -> Decided:
    return Decided(reservation_id=row["reservation_id"], answer=ANSWER.validate_json(row["answer"]))


def _again(row: "Record", wish: SpendRequest) -> Decided | Conflict:
    return _decided(row) if row["request_hash"] == wish.hash else _reused()


def _reused() -> Conflict:
    return Conflict("this Idempotency-Key was used for another request", remedy="Use a fresh key.")
