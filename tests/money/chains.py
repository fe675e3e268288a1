"""A chain of money decisions, written the way the treasury does."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from pydantic import JsonValue

from chimera.ids import new_id
from chimera.money.rules import budget, evidence
from chimera.money.rules.budget import Counter, span_start
from chimera.money.rules.evidence import Event, EvidenceLimit, Head, Key, Link
from chimera.money.types.authorization import TransactionRequest
from chimera_protocol.money import Money, plain
from chimera_protocol.statements import canonical_hash

NOON = datetime(2026, 2, 5, 12, tzinfo=UTC)


def event(link: Link) -> Event:
    """The event that a link makes, as it is stored."""
    head = link.head
    return Event(tenant_id=head.tenant_id, sequence=head.sequence, hash=link.hash, body=json.loads(link.text))


@dataclass
class Spend:
    """What was asked for and granted."""

    body: dict[str, JsonValue]
    at: datetime
    amount: Decimal
    keys: list[Key]
    pending: bool = True
    paid: Decimal = Decimal(0)


class Books:
    """Writes a chain the way the treasury does: what was asked, the limits before and after."""

    def __init__(self, zone: str = "UTC", now: datetime = NOON) -> None:
        self.head = Head(tenant_id=new_id())
        self.zone, self.now = zone, now
        self.agent, self.campaign = new_id(), new_id()
        self.limits: dict[UUID, EvidenceLimit] = {}
        self.counters: dict[Key, Counter] = {}
        self.spends: dict[str, Spend] = {}
        self.events: list[Event] = []

    def say(self, kind: str, **said: JsonValue) -> None:
        link = Link.after(self.head, kind, self.now, said)
        self.now += timedelta(minutes=1)
        self.head = link.head
        self.events.append(event(link))

    def limit(self, scope: str, key: str, span: str, amount: str, *, retired: bool = False) -> None:
        """Put one limit in force, or take it out of force."""
        known = next((each for each in self.limits.values() if (each.scope, each.span) == (scope, span)), None)
        money = Money.parse(amount)
        limit = EvidenceLimit(
            budget_id=known.budget_id if known else new_id(),
            scope=scope,
            scope_key=key,
            span=span,
            currency=money.currency,
            amount=money.amount,
            retired=retired,
        )
        old = [counter for counter in self.counters.values() if counter.budget_id == limit.budget_id]
        new = {counter.key: counter.model_copy(update={"limit": money.amount}) for counter in old}
        adopted: list[JsonValue] = []
        if not retired and span != "transaction" and (known is None or known.retired):
            adopted = self.count_in(limit, new)
        self.limits[limit.budget_id] = limit
        self.counters |= new
        told: dict[str, JsonValue] = {"limits": [limit.model_dump(mode="json")], "adopted": adopted}
        changed = evidence.change(old, list(new.values()))
        self.say("limits", actor="operator:me", time_zone=self.zone, **told, **changed)

    def count_in(self, limit: EvidenceLimit, counters: dict[Key, Counter]) -> list[JsonValue]:
        """Count what was spent in the present span before the limit was there; the transfers that it adopts."""
        counter, adopted = counters.get(self.counter(limit).key) or self.counter(limit), list[JsonValue]()
        reserved = spent = Decimal(0)
        for name, each in self.spends.items():
            if limit.binds(each.body) and span_start(limit.span, each.at, self.zone) == counter.span_start:
                reserved, spent = reserved + (each.amount if each.pending else 0), spent + each.paid
                if each.pending and counter.key not in each.keys:
                    each.keys.append(counter.key)
                    where = {"budget_id": str(limit.budget_id), "span_start": counter.span_start.isoformat()}
                    adopted.append({"reservation_id": name, **where})
        if reserved or spent:
            counters[counter.key] = counter.model_copy(update={"reserved": reserved, "spent": spent})
        return adopted

    def counter(self, limit: EvidenceLimit) -> Counter:
        start = span_start(limit.span, self.now, self.zone)
        return self.counters.get((limit.budget_id, start)) or Counter(
            **limit.model_dump(include={"budget_id", "scope", "scope_key", "span"}),
            span_start=start,
            limit=limit.amount,
            reserved=Decimal(0),
            spent=Decimal(0),
        )

    def ask(self, amount: str, payee: str = "0xA", anomalies: list[str] | None = None) -> str:
        """Ask for money; the reservation."""
        reservation_id, money = str(new_id()), Money.parse(amount)
        wish = TransactionRequest(destination_wallet=payee, token_amount=amount, purpose="reach", category="ads")
        request = wish.model_dump(mode="json")
        body: dict[str, JsonValue] = {
            "reservation_id": reservation_id,
            "idempotency_key": reservation_id,
            "agent_id": str(self.agent),
            "campaign_id": str(self.campaign),
            "category": "ads",
            "payee": payee,
            "request": request,
            "request_hash": canonical_hash(request),
            "amount": amount,
        }
        before = [self.counter(each) for each in self.limits.values() if each.binds(body)]
        refusal = budget.weigh(money, before) or (budget.suspect(money, anomalies) if anomalies else None)
        after = before if refusal else [counter.held(money.amount) for counter in before]
        answer: dict[str, JsonValue] = {"answer": refusal.model_dump(mode="json")} if refusal else {}
        if refusal is None:
            kept = {counter.key: counter for counter in after if counter.span != "transaction"}
            self.counters |= kept
            self.spends[reservation_id] = Spend(body, self.now, money.amount, list(kept))
        self.say("refused" if refusal else "authorised", **body, **answer, **evidence.change(before, after))
        return reservation_id

    def close(self, reservation_id: str, kind: str, paid: str = "0") -> None:
        spend = self.spends[reservation_id]
        before = [self.counters[key] for key in spend.keys]
        after = [counter.closed(spend.amount, Decimal(paid)) for counter in before]
        self.counters |= {counter.key: counter for counter in after}
        spend.pending, spend.paid = False, Decimal(paid)
        changed = evidence.change(before, after)
        amount = f"{plain(spend.amount)} USDC"
        self.say(kind, reservation_id=reservation_id, amount=amount, paid=paid, reference="r", **changed)


def rehashed(events: list[Event]) -> list[Event]:
    """The chain of somebody who has changed it and computed every hash anew."""
    found, before = [], evidence.GENESIS
    for each in events:
        body = {**each.body, "previous": before}
        before = canonical_hash(body)
        found.append(each.model_copy(update={"body": body, "hash": before}))
    return found
