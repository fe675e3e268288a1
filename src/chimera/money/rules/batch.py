"""A batch of money decisions: what is decided in memory, under the lock of the treasuries, until it is written."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from pydantic import JsonValue

from chimera.money.rules import accounts, budget, evidence
from chimera.money.rules.accounts import JournalEntry, Posting, Spender
from chimera.money.rules.budget import Counter
from chimera.money.rules.evidence import Head, Key, Link
from chimera.money.types.authorization import ROUTINE, Authorization, CfoAnswer, Closing, Decided, SpendOutcome, metered
from chimera.money.types.batch import BatchRows, JsonRow
from chimera.money.types.messages import SpendOrder
from chimera_protocol.money import plain
from chimera_protocol.statements import plain_bytes


class SpendRequest(NamedTuple):
    """An order with its request as the evidence keeps it, and the hash by which it is known again."""

    order: SpendOrder
    request: JsonRow
    hash: str

    @classmethod
    def of(cls, order: SpendOrder) -> "SpendRequest":
        """Made before the lock is taken, as it needs nothing from behind it."""
        request = order.request.model_dump(mode="json")
        return cls(order, request, hashlib.sha256(plain_bytes(request)).hexdigest())


class PendingTransfer(NamedTuple):
    """A transfer that was authorised and has not ended, and the counters that it is held on."""

    reservation_id: UUID
    tenant_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    task_id: UUID | None
    category: str
    payee: str
    currency: str
    amount: Decimal
    verification: str
    held_on: Sequence[Key]

    @property
    def spender(self) -> Spender:
        """Who it is about."""
        return Spender(agent_id=self.agent_id, campaign_id=self.campaign_id, category=self.category, payee=self.payee)


class TreasuryBatch:
    """What is decided about the money of the tenants whose chains end at `heads`; `ids` gives fresh ones."""

    def __init__(self, heads: Mapping[UUID, Head], now: datetime, ids: Callable[[], UUID]) -> None:
        self.now = now
        self._heads = dict(heads)
        self._ids = ids
        self._counters: dict[tuple[UUID, date], Counter] = {}
        self._tenants: dict[UUID, UUID] = {}
        self._rows = BatchRows([], [], [], [], [], [], [], [], [], [], [])

    def current(self, counters: Sequence[Counter]) -> list[Counter]:
        """These counters as the batch has left them so far."""
        return [self._counters.get(counter.key, counter) for counter in counters]

    def authorise(
        self,
        wish: SpendRequest,
        counters: Sequence[Counter],
        objections: Sequence[str] = (),
        flag_id: UUID | None = None,
    ) -> Decided:
        """Reserve the money, or refuse it: over a limit first, then for what looks suspicious."""
        order = wish.order
        money, before = order.request.money, self.current(counters)
        refusal = budget.weigh(money, before)
        if refusal is None and objections and flag_id is None:
            refusal = budget.suspect(money, objections)
        reservation_id = self._ids()
        held = [] if refusal else [counter for counter in before if counter.span != "transaction"]
        after = before if refusal else [counter.held(money.amount) for counter in before]
        body: JsonRow = {
            "reservation_id": str(reservation_id),
            "idempotency_key": order.idempotency_key,
            "agent_id": _text(order.agent_id),
            "campaign_id": _text(order.campaign_id),
            "category": order.request.category,
            "payee": order.request.destination_wallet,
            "request": wish.request,
            "request_hash": wish.hash,
            "amount": str(money),
            **evidence.change(before, after),
        }
        if refusal is not None:
            body["answer"] = refusal.model_dump(mode="json")
        mark = self._chain(order.tenant_id, "refused" if refusal else "authorised", body)
        answer: CfoAnswer = refusal or Authorization(budget_verification_hash=mark, timestamp=self.now)
        self._keep(order.tenant_id, after)
        said = answer.model_dump(mode="json")
        self._reserve(wish, reservation_id, held, said, mark)
        if refusal is None:
            entry = JournalEntry(
                order.tenant_id,
                "pending",
                money.amount,
                money.currency,
                f"pending: {money}, {order.request.purpose[:200]}",
                order.agent_id,
                order.campaign_id,
                reservation_id,
                verification=mark,
            )
            self.book(entry, accounts.reserving(_spender(order), money.amount))
            self._rows.used.extend([flag_id] if flag_id and objections else [])
        elif refusal.anomalies:
            self._flag(order.tenant_id, reservation_id, refusal.anomalies)
        self.note(
            order.tenant_id,
            "cfo",
            "spend.refused" if refusal else "spend.authorised",
            str(order.task_id or reservation_id),
            {"amount": str(money), "purpose": order.request.purpose, "answer": said},
        )
        return Decided(reservation_id=reservation_id, answer=answer)

    def close(self, transfer: PendingTransfer, counters: Sequence[Counter], closing: Closing) -> None:
        """End a pending transfer. What was taken beyond the amount held is booked as disputed, not as spent."""
        held, currency, tenant_id = transfer.amount, transfer.currency, transfer.tenant_id
        taken = budget.billed(closing.paid) if closing.paid is not None else held
        paid = min(taken, held) if closing.outcome is SpendOutcome.POSTED else Decimal(0)
        before = self.current(counters)
        after = [counter.closed(held, paid) for counter in before]
        body: JsonRow = {
            "reservation_id": str(closing.reservation_id),
            "amount": metered(held, currency),
            "paid": plain(paid),
            "reference": closing.reference,
            **evidence.change(before, after),
        }
        mark = self._chain(tenant_id, closing.outcome.value, body)
        self._keep(tenant_id, after)
        self._rows.closings.append(
            {
                "reservation_id": str(closing.reservation_id),
                "status": closing.outcome.value,
                "paid": plain(paid),
                "reference": closing.reference,
            }
        )
        if transfer.category not in ROUTINE or closing.actor != "cfo":
            told: JsonRow = {
                "budget_verification_hash": transfer.verification,
                "amount": metered(held, currency),
                "paid": metered(paid, currency),
                "reference": closing.reference,
            }
            action = f"spend.{closing.outcome.value}"
            self.note(tenant_id, closing.actor, action, str(transfer.task_id or closing.reservation_id), told)
        who = transfer.spender
        source = accounts.vendor(closing.source) if closing.source else accounts.wallet(who.agent_id)
        kind = closing.outcome.value
        entry = JournalEntry(
            tenant_id,
            kind,
            paid if paid > 0 else held,
            currency,
            f"{kind}: {metered(paid if paid > 0 else held, currency)} {closing.reference}".rstrip(),
            who.agent_id,
            who.campaign_id,
            closing.reservation_id,
            verification=mark,
        )
        if closing.outcome is SpendOutcome.POSTED:
            entry = entry._replace(asset_id=closing.asset_id, compute_tokens=closing.compute_tokens)
        self.book(entry, accounts.closing(who, held, closing.outcome, paid, source))
        if closing.outcome is SpendOutcome.POSTED and taken > held:
            excess = budget.EXACT.subtract(taken, held)
            memo = f"disputed: {metered(excess, currency)} {closing.reference}".rstrip()
            claim = entry._replace(kind="disputed", amount=excess, memo=memo, asset_id=None, compute_tokens=0)
            self.book(claim, accounts.disputing(who, excess, source))
            reasons = [f"{closing.source or who.payee} took {metered(excess, currency)} more than was authorised"]
            self._flag(tenant_id, closing.reservation_id, reasons)

    def limits(
        self, tenant_id: UUID, said: Mapping[str, JsonValue], before: Sequence[Counter], after: Sequence[Counter]
    ) -> None:
        """New limits are in force; the tables have them already, the chain has to know."""
        self._chain(tenant_id, "limits", {**said, **evidence.change(before, after)})

    def book(self, entry: JournalEntry, postings: Sequence[Posting]) -> None:
        """A transaction of the journal."""
        transaction_id = str(self._ids())
        self._rows.transactions.append(
            {
                "transaction_id": transaction_id,
                "asset_id": _text(entry.asset_id),
                "currency": entry.currency,
                "amount": plain(entry.amount),
                "compute_tokens_used": entry.compute_tokens,
                "cfo_judge_verification": entry.verification,
                "tenant_id": str(entry.tenant_id),
                "agent_id": _text(entry.agent_id),
                "campaign_id": _text(entry.campaign_id),
                "reservation_id": _text(entry.reservation_id),
                "entry": entry.kind,
                "memo": entry.memo[:500],
                "at": self.now.isoformat(),
            }
        )
        for posting in postings:
            account: JsonRow = posting.account.model_dump(mode="json")
            self._rows.accounts.append({"tenant_id": str(entry.tenant_id), **account})
            self._rows.postings.append(
                {
                    "transaction_id": transaction_id,
                    "account": posting.account.code,
                    "amount": plain(posting.amount),
                    "tenant_id": str(entry.tenant_id),
                }
            )

    @property
    def rows(self) -> BatchRows:
        """Everything that was decided, with where that leaves the counters and the chains."""
        counters: list[JsonRow] = [
            {
                "budget_id": str(each.budget_id),
                "span_start": each.span_start.isoformat(),
                "tenant_id": str(self._tenants[each.budget_id]),
                "limit_amount": plain(each.limit),
                "reserved": plain(each.reserved),
                "spent": plain(each.spent),
            }
            for each in self._counters.values()
        ]
        heads: list[JsonRow] = [
            {"tenant_id": str(head.tenant_id), "sequence": head.sequence, "hash": head.hash}
            for head in self._heads.values()
        ]
        return self._rows._replace(counters=counters, heads=heads)

    def _keep(self, tenant_id: UUID, counters: Sequence[Counter]) -> None:
        for counter in counters:
            if counter.span != "transaction":
                self._counters[counter.key] = counter
                self._tenants[counter.budget_id] = tenant_id

    def _chain(self, tenant_id: UUID, kind: str, said: Mapping[str, JsonValue]) -> str:
        link = Link.after(self._heads[tenant_id], kind, self.now, said)
        self._heads[tenant_id] = link.head
        self._rows.events.append(
            {"tenant_id": str(tenant_id), "sequence": link.head.sequence, "hash": link.hash, "body": link.text}
        )
        return link.hash

    def _reserve(
        self,
        wish: SpendRequest,
        reservation_id: UUID,
        held: Sequence[Counter],
        answer: JsonRow,
        mark: str,
    ) -> None:
        order, granted = wish.order, answer["status"] == "authorized"
        request = order.request
        expires = self.now + timedelta(seconds=request.valid_for_seconds) if granted and order.expires else None
        self._rows.reservations.append(
            {
                "reservation_id": str(reservation_id),
                "tenant_id": str(order.tenant_id),
                "agent_id": _text(order.agent_id),
                "campaign_id": _text(order.campaign_id),
                "task_id": _text(order.task_id),
                "idempotency_key": order.idempotency_key,
                "request_hash": wish.hash,
                "request": wish.request,
                "category": request.category,
                "payee": request.destination_wallet,
                "currency": request.money.currency,
                "amount": plain(request.money.amount),
                "counters": [
                    {"budget_id": str(row.budget_id), "span_start": row.span_start.isoformat()} for row in held
                ],
                "answer": answer,
                "verification": mark,
                "status": "pending" if granted else "refused",
                "expires_at": expires.isoformat() if expires else None,
                "created_at": self.now.isoformat(),
            }
        )

    def _flag(self, tenant_id: UUID, reservation_id: UUID, reasons: Sequence[str]) -> None:
        self._rows.flags.append(
            {
                "flag_id": str(self._ids()),
                "tenant_id": str(tenant_id),
                "reservation_id": str(reservation_id),
                "reasons": list(reasons),
            }
        )

    def note(self, tenant_id: UUID, actor: str, action: str, subject: str, body: Mapping[str, JsonValue]) -> None:
        """An audit event of the batch's own transaction."""
        self._rows.notes.append(
            {
                "event_id": str(self._ids()),
                "tenant_id": str(tenant_id),
                "actor": actor,
                "action": action,
                "subject": subject,
                "body": dict(body),
            }
        )


def _spender(order: SpendOrder) -> Spender:
    return Spender(
        agent_id=order.agent_id,
        campaign_id=order.campaign_id,
        category=order.request.category,
        payee=order.request.destination_wallet,
    )


def _text(value: UUID | None) -> str | None:
    return str(value) if value is not None else None
