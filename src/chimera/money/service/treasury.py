"""The treasury: reserve before, settle after, exact decimals, double entry, every decision on the chain (FIN-1..4)."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.group_commit import GroupCommit
from chimera.database.postgres import Connection, Database
from chimera.errors import Conflict
from chimera.money.rules.anomalies import PastSpend, SpendHistory
from chimera.money.rules.budget import Counter
from chimera.money.service.batch import SQL, SpendRequest, TreasuryBatch, lock
from chimera.money.types.authorization import ANSWER, ROUTINE, Closing, Decided, SpendOutcome
from chimera.money.types.limits import AnomalyRules
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera_protocol.money import Money

if TYPE_CHECKING:
    from asyncpg import Record


_EXPIRE_BATCH = 500
_TASK_IS_OVER = timedelta(minutes=1)
_CALL_IS_LOST = timedelta(minutes=15)
"""No model call takes as long, so whoever made one that is still open is gone."""


def now() -> datetime:
    """The time, aware and in UTC."""
    return datetime.now(UTC)


class Treasury:
    """Implements `ports.Treasury`. Requests that arrive together share one lock and one commit."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._clock = clock
        self._authorise: GroupCommit[SpendRequest, Decided | Conflict] = GroupCommit(self._decide)
        self._close: GroupCommit[Closing, None] = GroupCommit(self._end)

    async def authorise(self, order: SpendOrder) -> Decided:
        """See `ports.Treasury.authorise`."""
        decided = await self._authorise(SpendRequest.of(order))
        if isinstance(decided, Conflict):
            raise decided
        return decided

    async def close(self, closing: Closing) -> None:
        """See `ports.Treasury.close`."""
        await self._close(closing)

    async def mark_unknown(self, reservation_id: UUID, cause: str) -> None:
        """See `ports.Treasury.doubt`."""
        async with self._database.transaction() as connection:
            tenant_id = await connection.fetchval(SQL["doubt"], reservation_id, cause[:500])
            if tenant_id is not None:
                await audit.note(
                    connection,
                    tenant_id,
                    actor="cfo",
                    action="spend.in_doubt",
                    subject=str(reservation_id),
                    body={"cause": cause[:500]},
                )

    async def answered(self, tenant_id: UUID, key: str) -> Decided | None:
        """What was answered under a key before, if it was used."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL["answered"], tenant_id, key)
        if row is None:
            return None
        return Decided(reservation_id=row["reservation_id"], answer=ANSWER.validate_json(row["answer"]))

    async def tidy(self) -> int:
        """End what nobody settled in time or will spend, how many; show a human what nobody can settle."""
        async with self._database.connection() as connection:
            await connection.fetch(SQL["lost"], self._clock() - _CALL_IS_LOST)
        async with self._database.transaction() as connection:
            due = await connection.fetch(SQL["expiring"], self._clock(), _EXPIRE_BATCH)
            idle = await connection.fetch(SQL["idle"], self._clock() - _TASK_IS_OVER, _EXPIRE_BATCH)
            ended = [Closing(reservation_id=row["reservation_id"], outcome=SpendOutcome.EXPIRED) for row in due]
            ended += [Closing(reservation_id=row["reservation_id"], outcome=SpendOutcome.VOIDED) for row in idle]
            await close(connection, ended, self._clock())
        return len(ended)

    async def _decide(self, group: Sequence[SpendRequest]) -> Sequence[Decided | Conflict]:
        rows = json.dumps([_wish(n, wish.order) for n, wish in enumerate(group)])
        async with self._database.transaction() as connection:
            heads = await lock(connection, (wish.order.tenant_id for wish in group))
            batch = TreasuryBatch(heads, self._clock())
            known = {row["n"]: row for row in await connection.fetch(SQL["known"], rows)}
            if len(known) == len(group):
                return [_again(known[n], wish) for n, wish in enumerate(group)]
            binding: dict[int, list[Counter]] = {}
            for row in await connection.fetch(SQL["binding"], rows, batch.now):
                binding.setdefault(row["n"], []).append(_counter(row))
            watch = await _AnomalyDetector.read(connection, [wish.order for wish in group], batch.now)
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
                    objections, flag_id = watch.objections(n, order)
                    decided = batch.authorise(wish, binding.get(n, []), objections, flag_id)
                    watch.learn(order, decided, batch.now, flag_id if objections else None)
                    answers[key] = wish.hash, decided
                    outcomes.append(decided)
            await batch.write(connection)
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
    payers = await connection.fetch(SQL["payers"], list(wanted)) if wanted else []
    if not payers:
        return []
    heads = await lock(connection, (row["tenant_id"] for row in payers))
    rows = await connection.fetch(SQL["pending"], list(wanted))
    if not rows:
        return []
    batch = TreasuryBatch(heads, at or now())
    keys = {row["reservation_id"]: json.loads(row["counters"]) for row in rows}
    every = json.dumps([key for held in keys.values() for key in held])
    found = {
        (str(row["budget_id"]), row["span_start"].isoformat()): _counter(row)
        for row in await connection.fetch(SQL["held"], every)
    }
    for row in rows:
        held = sorted((found[key["budget_id"], key["span_start"]] for key in keys[row["reservation_id"]]), key=_order)
        batch.close(row, held, wanted[row["reservation_id"]])
    await batch.write(connection)
    return [row["reservation_id"] for row in rows]


async def void(connection: Connection, reservation_ids: Sequence[UUID]) -> None:
    """The money was not spent: it is free again."""
    await close(connection, [Closing(reservation_id=each, outcome=SpendOutcome.VOIDED) for each in reservation_ids])


class _AnomalyDetector:
    """What the anomaly rules look at, read once for a batch. Routine costs are not watched: limits hold them."""

    def __init__(self) -> None:
        self._rules: dict[UUID, AnomalyRules] = {}
        self._payers: dict[UUID, frozenset[str]] = {}
        self._vouched: dict[int, tuple[list[str], list[UUID]]] = {}
        self._used: set[UUID] = set()
        self._habits: dict[tuple[UUID, str], SpendHistory] = {}

    @classmethod
    async def read(cls, connection: Connection, group: Sequence[SpendOrder], now: datetime) -> "_AnomalyDetector":
        watch = cls()
        watched = [(n, order) for n, order in enumerate(group) if order.request.category not in ROUTINE]
        if not watched:
            return watch
        rows = json.dumps([_wish(n, order) for n, order in watched])
        for row in await connection.fetch(SQL["surroundings"], rows, now):
            watch._rules[row["tenant_id"]] = _rules(row["policy_hash"], row["policy"])
            watch._payers[row["tenant_id"]] = frozenset(row["payers"])
        if not any(rules.enabled for rules in watch._rules.values()):
            return watch
        for row in await connection.fetch(SQL["vouched"], rows):
            watch._vouched[row["n"]] = row["payees"], row["flags"]
        histories: dict[tuple[UUID, str], list[PastSpend]] = {}
        for row in await connection.fetch(SQL["habits"], rows, now):
            past = PastSpend(amount=row["amount"], payee=row["payee"], at=row["at"])
            histories.setdefault((row["payer"], row["currency"]), []).append(past)
        for _, order in watched:
            who = _whose(order)
            if who not in watch._habits and order.tenant_id in watch._rules:
                watch._habits[who] = SpendHistory(histories.get(who, []), watch._rules[order.tenant_id], now)
        return watch

    def objections(self, n: int, order: SpendOrder) -> tuple[list[str], UUID | None]:
        """What is suspicious about an order, and the flag by which a human lets it through."""
        rules = self._rules.get(order.tenant_id)
        if rules is None or not rules.enabled or order.request.category in ROUTINE:
            return [], None
        vouched, flags = self._vouched.get(n, ([], []))
        flag_id = next((each for each in flags if each not in self._used), None)
        request = order.request
        habits = self._habits[_whose(order)]
        payers = self._payers.get(order.tenant_id, frozenset())
        return habits.objections(request.money, request.destination_wallet, vouched=vouched, payers=payers), flag_id

    def learn(self, order: SpendOrder, decided: Decided, now: datetime, flag_id: UUID | None) -> None:
        """What was let through, and by which flag, counts for what follows in the same batch."""
        if decided.granted and flag_id is not None:
            self._used.add(flag_id)
        if decided.granted and _whose(order) in self._habits and order.request.category not in ROUTINE:
            request = order.request
            self._habits[_whose(order)].learn(request.money.amount, request.destination_wallet, now)


@lru_cache(maxsize=256)
def _rules(_: str, policy: str) -> AnomalyRules:
    return Policy.model_validate_json(policy).anomalies


def _whose(order: SpendOrder) -> tuple[UUID, str]:
    return order.agent_id or order.tenant_id, order.request.money.currency


def _wish(n: int, order: SpendOrder) -> Mapping[str, JsonValue]:
    request = order.request
    money: Money = request.money
    return {
        "n": n,
        "tenant_id": str(order.tenant_id),
        "agent_id": str(order.agent_id) if order.agent_id else None,
        "payer": str(order.agent_id or order.tenant_id),
        "campaign_id": str(order.campaign_id) if order.campaign_id else None,
        "category": request.category,
        "payee": request.destination_wallet,
        "currency": money.currency,
        "amount": str(money.amount),
        "idempotency_key": order.idempotency_key,
    }


def _counter(row: "Record") -> Counter:
    fields = ("budget_id", "scope", "scope_key", "span", "span_start", "limit", "reserved", "spent")
    return Counter(**{name: row[name] for name in fields})


def _order(counter: Counter) -> tuple[UUID, str]:
    return counter.budget_id, counter.span_start.isoformat()


def _again(row: "Record", wish: SpendRequest) -> Decided | Conflict:
    if row["request_hash"] != wish.hash:
        return _reused()
    return Decided(reservation_id=row["reservation_id"], answer=ANSWER.validate_json(row["answer"]))


def _reused() -> Conflict:
    return Conflict("this Idempotency-Key was used for another request", remedy="Use a fresh key.")
