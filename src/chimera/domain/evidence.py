"""The chain of money events: what was asked, what the limits were before and after, and a hash over it all (PRV-4).

An event is a JSON object; its hash is SHA-256 over its RFC 8785 form, and it names the hash of the event before.
So an export can be recomputed by anybody, without a database: every hash, every counter, every decision.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from pydantic import JsonValue, TypeAdapter, ValidationError

from chimera.contracts.finance import PolicyViolation, TransactionRequest
from chimera.contracts.signing import canonical_hash, plain_bytes
from chimera.contracts.values import Money, Wire
from chimera.domain import budget
from chimera.domain.budget import Counter

GENESIS = "0" * 64
"""What the first event of a tenant names as the hash before it."""

COUNTERS: TypeAdapter[list[Counter]] = TypeAdapter(list[Counter])


class Limit(Wire):
    """A limit as the chain knows it; `retired` ones bind no more."""

    budget_id: UUID
    scope: str
    scope_key: str
    span: str
    currency: str
    amount: Decimal
    retired: bool = False

    def binds(self, body: Mapping[str, JsonValue]) -> bool:
        """Whether a request falls under it."""
        if self.retired or Money.parse(str(body["amount"])).currency != self.currency:
            return False
        return self.scope == "tenant" or body[_ABOUT[self.scope]] == self.scope_key


_SPANS = ("transaction", "day", "month", "total")
_ENDS_OF_THE_EARTH = ("Etc/GMT+12", "UTC", "Etc/GMT-14")
_OBJECT = TypeAdapter(dict[str, JsonValue]).validate_python
_ABOUT = {"influencer": "agent_id", "campaign": "campaign_id", "category": "category", "payee": "payee"}


class Head(Wire):
    """Where a tenant's chain ends."""

    tenant_id: UUID
    sequence: int = 0
    hash: str = GENESIS


LIMITS: TypeAdapter[list[Limit]] = TypeAdapter(list[Limit])


class Event(Wire):
    """One link of the chain, as it is stored and exported."""

    tenant_id: UUID
    sequence: int
    hash: str
    body: dict[str, JsonValue]


class Link(Wire):
    """The next event: its canonical text, the hash over it, and the head that it makes."""

    text: str
    hash: str
    head: Head

    @classmethod
    def after(cls, head: Head, kind: str, at: datetime, said: Mapping[str, JsonValue]) -> "Link":
        """The next link."""
        body: dict[str, JsonValue] = {
            **said,
            "kind": kind,
            "sequence": head.sequence + 1,
            "tenant_id": str(head.tenant_id),
            "timestamp": at.isoformat(),
            "previous": head.hash,
        }
        text = plain_bytes(body)
        mark = hashlib.sha256(text).hexdigest()
        following = Head.model_construct(tenant_id=head.tenant_id, sequence=head.sequence + 1, hash=mark)
        return Link.model_construct(text=text.decode(), hash=mark, head=following)


def change(before: Sequence[Counter], after: Sequence[Counter]) -> dict[str, JsonValue]:
    """Counters before and after, for an event's body."""
    return {
        "before": [counter.snapshot() for counter in before],
        "after": [counter.snapshot() for counter in after],
    }


def check(events: Iterable[Event]) -> list[str]:
    """Recompute a tenant's whole chain, oldest first; each thing that does not hold, named by its event's number."""
    problems: list[str] = []
    replay: _Replay | None = None
    for event in events:
        if replay is None:
            replay = _Replay(event.tenant_id)
        try:
            problems += [f"event {event.sequence}: {problem}" for problem in replay.take(event)]
        except (KeyError, ValueError, TypeError, ValidationError) as error:
            problems.append(f"event {event.sequence}: cannot be read: {type(error).__name__}: {str(error)[:200]}")
    return problems


class _Replay:
    """What the chain has said so far: the state that the next event must start from."""

    def __init__(self, tenant_id: UUID) -> None:
        self._head = Head(tenant_id=tenant_id)
        self._counters: dict[tuple[UUID, date], Counter] = {}
        self._limits: dict[UUID, Limit] = {}
        self._pending: dict[str, tuple[Decimal, list[tuple[UUID, date]]]] = {}

    def take(self, event: Event) -> list[str]:
        problems: list[str] = []
        body = event.body
        if canonical_hash(body) != event.hash:
            problems.append("its hash does not fit what it says")
        if body["previous"] != self._head.hash:
            problems.append("it does not follow on the event before it")
        if (body["sequence"], event.sequence) != (self._head.sequence + 1, self._head.sequence + 1):
            problems.append(f"number {self._head.sequence + 1} is missing")
        if {body["tenant_id"], str(event.tenant_id)} != {str(self._head.tenant_id)}:
            problems.append("it belongs to another tenant")
        self._head = Head(tenant_id=self._head.tenant_id, sequence=event.sequence, hash=event.hash)
        return problems + self._weigh(body)

    def _weigh(self, body: Mapping[str, JsonValue]) -> list[str]:
        before = COUNTERS.validate_python(body.get("before", []))
        after = COUNTERS.validate_python(body.get("after", []))
        if body["kind"] == "limits":
            return self._new_limits(body, before, after)
        problems = [
            f"limit {counter.budget_id} did not stand as it says before"
            for counter in before
            if not _same(self._counters.get(counter.key), counter)
        ]
        problems += [
            f"limit {counter.budget_id} was exceeded"
            for counter in after
            if counter.span != "transaction" and counter.room < 0
        ]
        if body["kind"] in ("authorised", "refused"):
            problems += _unasked(body) + _elsewhen(body, before) + self._unbound(body, before)
        expected, complaint = self._decide(body, before)
        problems += [complaint] if complaint else []
        if [each.snapshot() for each in expected] != [each.snapshot() for each in after]:
            problems.append("the limits after it do not follow from those before")
        # A limit per transaction holds nothing, so there is nothing of it to stand as it was.
        self._counters |= {counter.key: counter for counter in after if counter.span != "transaction"}
        return problems

    def _new_limits(
        self, body: Mapping[str, JsonValue], before: Sequence[Counter], after: Sequence[Counter]
    ) -> list[str]:
        problems = [
            f"limit {counter.budget_id} did not stand as it says before"
            for counter in before
            if not _same(self._counters.get(counter.key), counter)
        ]
        if [_used(counter) for counter in before] != [_used(counter) for counter in after]:
            problems.append("new limits changed what was used of them")
        self._counters |= {counter.key: counter for counter in after}
        self._limits |= {limit.budget_id: limit for limit in LIMITS.validate_python(body["limits"])}
        return problems

    def _unbound(self, body: Mapping[str, JsonValue], before: Sequence[Counter]) -> list[str]:
        """Limits that bind the request and were not looked at, or not as they are."""
        seen = {counter.budget_id: counter.limit for counter in before}
        binding = {limit.budget_id: limit.amount for limit in self._limits.values() if limit.binds(body)}
        return [
            f"limit {each} was not weighed as it is in force" for each in binding if seen.get(each) != binding[each]
        ]

    def _decide(self, body: Mapping[str, JsonValue], before: list[Counter]) -> tuple[list[Counter], str]:
        name = str(body["reservation_id"])
        match body["kind"]:
            case "authorised":
                wanted = Money.parse(str(body["amount"]))
                self._pending[name] = wanted.amount, [each.key for each in before if each.span != "transaction"]
                refusal = budget.weigh(wanted, before)
                return [each.held(wanted.amount) for each in before], refusal.details if refusal else ""
            case "refused":
                said = PolicyViolation.model_validate(body["answer"])
                refusal = budget.weigh(Money.parse(str(body["amount"])), before)
                just = bool(said.anomalies) or (refusal is not None and refusal.details == said.details)
                return before, "" if just else "the limits did not call for this refusal"
            case "posted" | "voided" | "expired":
                held, keys = self._pending.pop(name, (None, []))
                if held is None:
                    return before, f"transfer {name} was not pending"
                if sorted(each.key for each in before) != sorted(keys):
                    return before, f"transfer {name} was held on other limits"
                paid = Decimal(str(body["paid"])) if body["kind"] == "posted" else Decimal(0)
                complaint = f"transfer {name} cost more than was held" if paid > held else ""
                return [each.closed(held, paid) for each in before], complaint
            case kind:
                raise ValueError(f"unknown kind {kind!r}")


def _unasked(body: Mapping[str, JsonValue]) -> list[str]:
    """Whether it was decided about what was asked."""
    request = TransactionRequest.model_validate(body["request"])
    asked = (str(request.money), request.destination_wallet, request.category, canonical_hash(_OBJECT(body["request"])))
    said = (body["amount"], body["payee"], body["category"], body["request_hash"])
    return [] if asked == said else ["it was decided about something else than what was asked"]


def _elsewhen(body: Mapping[str, JsonValue], before: Sequence[Counter]) -> list[str]:
    """Limits that were weighed over a span that the decision does not fall in, wherever on earth the tenant is."""
    at = datetime.fromisoformat(str(body["timestamp"]))
    spans = {(span, budget.span_start(span, at, zone)) for span in _SPANS for zone in _ENDS_OF_THE_EARTH}
    return [
        f"limit {counter.budget_id} was weighed over another {counter.span}"
        for counter in before
        if (counter.span, counter.span_start) not in spans
    ]


def _used(counter: Counter) -> tuple[UUID, date, Decimal, Decimal]:
    return *counter.key, counter.reserved, counter.spent


def _same(known: Counter | None, said: Counter) -> bool:
    """Whether a counter stands as it was left; one that is new begins with nothing used."""
    if known is None:
        return said.reserved == said.spent == 0
    return known.snapshot() == said.snapshot()
