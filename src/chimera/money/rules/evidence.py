"""The chain of money events: what was asked, what the limits were before and after, and a hash over it all (PRV-4).

An event is a JSON object; its hash is SHA-256 over its RFC 8785 form, and it names the hash of the event before.
So an export can be recomputed by anybody, without a database: every hash, every counter, every decision.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from uuid import UUID

from pydantic import JsonValue, TypeAdapter, ValidationError

from chimera.money.rules import budget
from chimera.money.rules.budget import Counter
from chimera.money.types.authorization import PolicyViolation, TransactionRequest
from chimera_protocol.money import Money
from chimera_protocol.statements import canonical_hash, plain_bytes
from chimera_protocol.wire import Wire

GENESIS = "0" * 64
"""What the first event of a tenant names as the hash before it."""

COUNTERS: TypeAdapter[list[Counter]] = TypeAdapter(list[Counter])


class EvidenceLimit(Wire):
    """A limit as the chain knows it; `retired` ones bind no more."""

    budget_id: UUID
    scope: str
    scope_key: str
    span: str
    currency: str
    amount: Decimal
    retired: bool = False

    @property
    def place(self) -> tuple[str, str, str, str]:
        """What it bounds."""
        return self.scope, self.scope_key, self.span, self.currency

    def binds(self, body: Mapping[str, JsonValue]) -> bool:
        """Whether a request falls under it."""
        if self.retired or (self.scope != "tenant" and body[_ABOUT[self.scope]] != self.scope_key):
            return False
        return Money.parse(str(body["amount"])).currency == self.currency


_SPANS = ("transaction", "day", "month", "total")
_ENDS_OF_THE_EARTH = ("Etc/GMT+12", "UTC", "Etc/GMT-14")
_OBJECT = TypeAdapter(dict[str, JsonValue]).validate_python
_LIST = TypeAdapter(list[dict[str, str]]).validate_python
_ABOUT = {"influencer": "agent_id", "campaign": "campaign_id", "category": "category", "payee": "payee"}


class Head(Wire):
    """Where a tenant's chain ends."""

    tenant_id: UUID
    sequence: int = 0
    hash: str = GENESIS


LIMITS: TypeAdapter[list[EvidenceLimit]] = TypeAdapter(list[EvidenceLimit])


Key = tuple[UUID, date]
"""What tells a counter from others."""


@dataclass
class _Transfer:
    """A spend that was authorised: what it was for, where it is held, and what it cost once that is known."""

    about: dict[str, JsonValue]
    at: datetime
    amount: Decimal
    keys: list[Key]
    paid: Decimal | None = None

    def counts(self, limit: EvidenceLimit, key: Key, zone: str) -> bool:
        """Whether a limit's counter has to count it: it is held there, or was authorised in that span."""
        if not limit.binds(self.about):
            return False
        return key in self.keys or budget.span_start(limit.span, self.at, zone) == key[1]


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
        self._counters: dict[Key, Counter] = {}
        self._limits: dict[UUID, EvidenceLimit] = {}
        self._zone: str | None = None
        self._pending: dict[str, _Transfer] = {}
        self._posted: list[_Transfer] = []

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
            problems += _unasked(body) + _elsewhen(body, before, self._zone) + self._unbound(body, before)
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
        listed = LIMITS.validate_python(body["limits"])
        expected, adopted = self._set(body, before, listed)
        found = {counter.key: counter for counter in after}
        if len(found) < len(after):
            problems.append("it counts a limit twice")
        anew = {limit.budget_id for limit in listed if self._anew(limit)}
        for key in sorted(expected.keys() | found.keys()):
            ought, said = expected.get(key), found.get(key)
            if ought is not None and said is not None and ought.snapshot() == said.snapshot():
                continue
            if key[0] in anew:
                problems.append(f"limit {key[0]} does not start with what was reserved and spent under it")
            elif ought is None or said is None or _used(ought) != _used(said):
                problems.append("new limits changed what was used of them")
            else:
                problems.append(f"limit {key[0]} does not hold as it was set")
        problems += [f"limit {counter.budget_id} was exceeded" for counter in after if counter.room < 0]
        if sorted(adopted) != sorted(map(_adoption, _LIST(body["adopted"]))):
            problems.append("it holds other transfers than those that are pending under its limits")
        for name, budget_id, start in adopted:
            self._pending[name].keys.append((UUID(budget_id), date.fromisoformat(start)))
        if self._zone not in (None, body["time_zone"]):
            problems.append("its days are those of another time zone")
        self._zone = self._zone or str(body["time_zone"])
        self._counters |= found
        self._limits |= {limit.budget_id: limit for limit in listed}
        return problems

    def _set(
        self, body: Mapping[str, JsonValue], before: Sequence[Counter], listed: Sequence[EvidenceLimit]
    ) -> tuple[dict[Key, Counter], list[tuple[str, str, str]]]:
        """The counters that there must be once these limits are in force, and the transfers that they adopt.

        A limit that binds anew counts what was reserved and spent under it in the present span; any other goes on.
        """
        at, zone = datetime.fromisoformat(str(body["timestamp"])), str(body["time_zone"])
        expected = {counter.key: counter for counter in before}
        adopted: list[tuple[str, str, str]] = []
        for limit in listed:
            if limit.retired or limit.span == "transaction":
                continue
            present = limit.budget_id, budget.span_start(limit.span, at, zone)
            for key, counter in list(expected.items()):
                if key[0] == present[0] and key >= present:
                    expected[key] = counter.model_copy(update={"limit": limit.amount})
            known = self._counters.get(present)
            if not self._anew(limit):
                if known is not None:
                    expected[present] = known.model_copy(update={"limit": limit.amount})
                continue
            pending = [(name, each) for name, each in self._pending.items() if each.counts(limit, present, zone)]
            adopted += [
                (name, str(present[0]), present[1].isoformat()) for name, each in pending if present not in each.keys
            ]
            start = _start(limit, present[1], [each for _, each in pending], self._paid(limit, present, zone))
            if known is not None or any(_used(start)):
                expected[present] = start
        return expected, adopted

    def _anew(self, limit: EvidenceLimit) -> bool:
        """Whether a limit binds that did not, or bound something else, before."""
        known = self._limits.get(limit.budget_id)
        return not limit.retired and (known is None or known.retired or known.place != limit.place)

    def _paid(self, limit: EvidenceLimit, key: Key, zone: str) -> list[Decimal]:
        return [each.paid for each in self._posted if each.paid is not None and each.counts(limit, key, zone)]

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
                about = {each: body[each] for each in ("amount", *_ABOUT.values())}
                keys = [each.key for each in before if each.span != "transaction"]
                at = datetime.fromisoformat(str(body["timestamp"]))
                self._pending[name] = _Transfer(about, at, wanted.amount, keys)
                refusal = budget.weigh(wanted, before)
                return [each.held(wanted.amount) for each in before], refusal.details if refusal else ""
            case "refused":
                said = PolicyViolation.model_validate(body["answer"])
                refusal = budget.weigh(Money.parse(str(body["amount"])), before)
                just = bool(said.anomalies) or (refusal is not None and refusal.details == said.details)
                return before, "" if just else "the limits did not call for this refusal"
            case "posted" | "voided" | "expired":
                transfer = self._pending.pop(name, None)
                if transfer is None:
                    return before, f"transfer {name} was not pending"
                paid, held = Decimal(0), transfer.amount
                if body["kind"] == "posted":
                    paid = transfer.paid = Decimal(str(body["paid"]))
                    self._posted.append(transfer)
                if sorted(each.key for each in before) != sorted(transfer.keys):
                    return before, f"transfer {name} was held on other limits"
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


def _elsewhen(body: Mapping[str, JsonValue], before: Sequence[Counter], zone: str | None) -> list[str]:
    """Limits that were weighed over a span that the decision does not fall in; anywhere on earth, before it is told."""
    at = datetime.fromisoformat(str(body["timestamp"]))
    zones = (zone,) if zone else _ENDS_OF_THE_EARTH
    spans = {(span, budget.span_start(span, at, each)) for span in _SPANS for each in zones}
    return [
        f"limit {counter.budget_id} was weighed over another {counter.span}"
        for counter in before
        if (counter.span, counter.span_start) not in spans
    ]


def _adoption(said: Mapping[str, str]) -> tuple[str, str, str]:
    """Which transfer a limit's counter holds from now on."""
    return said["reservation_id"], said["budget_id"], said["span_start"]


def _start(limit: EvidenceLimit, start: date, pending: Iterable[_Transfer], paid: Iterable[Decimal]) -> Counter:
    """The counter that a limit starts with over these transfers."""
    return Counter(
        **limit.model_dump(include={"budget_id", "scope", "scope_key", "span"}),
        span_start=start,
        limit=limit.amount,
        reserved=reduce(budget.EXACT.add, (each.amount for each in pending), Decimal(0)),
        spent=reduce(budget.EXACT.add, paid, Decimal(0)),
    )


def _used(counter: Counter) -> tuple[Decimal, Decimal]:
    return counter.reserved, counter.spent


def _same(known: Counter | None, said: Counter) -> bool:
    """Whether a counter stands as it was left; one that is new begins with nothing used."""
    if known is None:
        return said.reserved == said.spent == 0
    return known.snapshot() == said.snapshot()
