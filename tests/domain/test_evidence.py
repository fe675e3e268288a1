"""The chain of money events: recomputed by anybody, and no lie in it passes (PRV-4)."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import JsonValue

from chimera.contracts.finance import TransactionRequest
from chimera.contracts.ids import new_id
from chimera.contracts.signing import canonical_hash
from chimera.contracts.values import Money, plain
from chimera.domain import budget, evidence
from chimera.domain.budget import EPOCH, Counter
from chimera.domain.evidence import Event, Head, Limit, Link

NOON = datetime(2026, 2, 5, 12, tzinfo=UTC)


def event(link: Link) -> Event:
    """The event that a link makes, as it is stored."""
    head = link.head
    return Event(tenant_id=head.tenant_id, sequence=head.sequence, hash=link.hash, body=json.loads(link.text))


class Books:
    """Writes a chain the way the treasury does: what was asked, the limits before and after."""

    def __init__(self) -> None:
        self.head = Head(tenant_id=new_id())
        self.agent, self.campaign = new_id(), new_id()
        self.limits: dict[UUID, Limit] = {}
        self.counters: dict[UUID, Counter] = {}
        self.held: dict[str, tuple[Decimal, list[UUID]]] = {}
        self.events: list[Event] = []

    def say(self, kind: str, **said: JsonValue) -> None:
        link = Link.after(self.head, kind, NOON + timedelta(minutes=self.head.sequence), said)
        self.head = link.head
        self.events.append(event(link))

    def limit(self, scope: str, key: str, span: str, amount: str, *, retired: bool = False) -> None:
        """Put one limit in force, or take it out of force."""
        known = next(
            (each.budget_id for each in self.limits.values() if (each.scope, each.span) == (scope, span)), None
        )
        budget_id, money = known or new_id(), Money.parse(amount)
        self.limits[budget_id] = Limit(
            budget_id=budget_id,
            scope=scope,
            scope_key=key,
            span=span,
            currency=money.currency,
            amount=money.amount,
            retired=retired,
        )
        before = [self.counters[budget_id]] if budget_id in self.counters else []
        after = [counter.model_copy(update={"limit": money.amount}) for counter in before]
        self.counters |= {counter.budget_id: counter for counter in after}
        listed: list[JsonValue] = [self.limits[budget_id].model_dump(mode="json")]
        self.say("limits", actor="operator:me", limits=listed, **evidence.change(before, after))

    def counter(self, limit: Limit) -> Counter:
        start = NOON.date() if limit.span == "day" else EPOCH
        return self.counters.get(limit.budget_id) or Counter(
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
        self.say("refused" if refusal else "authorised", **body, **answer, **evidence.change(before, after))
        if refusal is None:
            kept = {counter.budget_id: counter for counter in after if counter.span != "transaction"}
            self.counters |= kept
            self.held[reservation_id] = money.amount, list(kept)
        return reservation_id

    def close(self, reservation_id: str, kind: str, paid: str = "0") -> None:
        held, ids = self.held[reservation_id]
        before = [self.counters[each] for each in ids]
        after = [counter.closed(held, Decimal(paid)) for counter in before]
        self.counters |= {counter.budget_id: counter for counter in after}
        changed = evidence.change(before, after)
        self.say(kind, reservation_id=reservation_id, amount=f"{plain(held)} USDC", paid=paid, reference="r", **changed)


@pytest.fixture
def books() -> Books:
    """A day with everything in it: limits, spends, both refusals, every end, a limit that changed and one that went."""
    made = Books()
    made.limit("tenant", str(made.head.tenant_id), "day", "200 USDC")
    made.limit("campaign", str(made.campaign), "total", "300 USDC")
    made.limit("category", "ads", "transaction", "120 USDC")
    made.limit("payee", "0xElse", "day", "1 USDC")
    first, second = made.ask("50 USDC"), made.ask("100 USDC")
    made.ask("51 USDC")
    made.close(first, "posted", "49.5")
    made.close(second, "voided")
    made.ask("10 USDC", "0xNew", ["new payee: 0xNew was never paid before"])
    made.limit("tenant", str(made.head.tenant_id), "day", "90 USDC")
    third = made.ask("40 USDC")
    made.close(third, "expired")
    made.limit("category", "ads", "transaction", "120 USDC", retired=True)
    made.close(made.ask("40.5 USDC"), "posted", "40.5")
    return made


def rehashed(events: list[Event]) -> list[Event]:
    """The chain of somebody who has changed it and computed every hash anew."""
    found, before = [], evidence.GENESIS
    for each in events:
        body = {**each.body, "previous": before}
        before = canonical_hash(body)
        found.append(each.model_copy(update={"body": body, "hash": before}))
    return found


def leaves(value: JsonValue, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not inner:
        yield path
    for name, each in inner:
        yield from leaves(each, (*path, name))


def other(value: Any) -> JsonValue:
    """Something else of the same kind, as a forger would choose it."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str() if value.replace(".", "").isdigit():
            return plain(Decimal(value) + 1)
        case str():
            return value[:-1] + ("0" if value[-1:] != "0" else "1")
        case None:
            return "x"
    return [{}]


def changed(told: Event, path: tuple[str | int, ...]) -> Event:
    body: Any = deepcopy(told.body)
    place = body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = other(place[path[-1]])
    return told.model_copy(update={"body": body})


def named(problems: list[str], *numbers: int) -> bool:
    """Whether the first problem is about one of these events."""
    return bool(problems) and problems[0].startswith(tuple(f"event {number}: " for number in numbers))


def test_an_honest_chain_holds(books: Books) -> None:
    kinds = {str(each.body["kind"]) for each in books.events}
    assert kinds == {"limits", "authorised", "refused", "posted", "voided", "expired"}
    assert [each.sequence for each in books.events] == list(range(1, len(books.events) + 1))
    assert evidence.check(books.events) == []
    assert rehashed(books.events) == books.events


def test_nothing_is_a_chain_too() -> None:
    assert evidence.check([]) == []


def test_a_chain_survives_the_wire(books: Books) -> None:
    assert evidence.check([Event.model_validate_json(each.model_dump_json()) for each in books.events]) == []


def test_every_changed_field_of_every_event_is_found_and_named(books: Books) -> None:
    tried = 0
    for n, each in enumerate(books.events):
        for path in leaves(each.body):
            forged = [*books.events[:n], changed(each, path), *books.events[n + 1 :]]
            assert named(evidence.check(forged), each.sequence), path
            tried += 1
    assert tried > 300


def test_every_field_that_is_left_out_or_added_is_found_and_named(books: Books) -> None:
    for n, each in enumerate(books.events):
        bodies = [{name: said for name, said in each.body.items() if name != gone} for gone in each.body]
        for body in [*bodies, {**each.body, "extra": 1}]:
            forged = [*books.events[:n], each.model_copy(update={"body": body}), *books.events[n + 1 :]]
            assert named(evidence.check(forged), each.sequence)


@pytest.mark.parametrize("change", [{"tenant_id": new_id()}, {"sequence": 99}, {"hash": "f" * 64}], ids=str)
def test_what_stands_beside_an_event_is_checked_like_what_is_in_it(books: Books, change: dict[str, Any]) -> None:
    for n, each in enumerate(books.events):
        forged = [*books.events[:n], each.model_copy(update=change), *books.events[n + 1 :]]
        assert named(evidence.check(forged), each.sequence, change.get("sequence", 0))


def test_an_event_that_is_gone_is_missed_where_it_should_be(books: Books) -> None:
    for n in range(len(books.events) - 1):
        forged = books.events[:n] + books.events[n + 1 :]
        assert named(evidence.check(forged), n + 2)


def test_an_event_that_is_put_in_or_repeated_is_found(books: Books) -> None:
    stranger = Link.after(Head(tenant_id=books.head.tenant_id), "limits", NOON, {"actor": "eve", "limits": []})
    for n, each in enumerate(books.events):
        for added in (event(stranger), each):
            forged = [*books.events[: n + 1], added, *books.events[n + 1 :]]
            assert evidence.check(forged), n


def test_events_in_another_order_are_found(books: Books) -> None:
    for n in range(len(books.events) - 1):
        forged = list(books.events)
        forged[n], forged[n + 1] = forged[n + 1], forged[n]
        assert named(evidence.check(forged), n + 2)


def test_a_chain_of_two_tenants_is_none(books: Books) -> None:
    stranger = Books()
    stranger.limit("tenant", "x", "day", "1 USDC")
    assert "it belongs to another tenant" in "".join(evidence.check([*books.events, *stranger.events]))


def find(books: Books, kind: str) -> int:
    """Where the first event of a kind is."""
    return next(n for n, each in enumerate(books.events) if each.body["kind"] == kind)


def counters(body: Any, change: Callable[[Any], Any], *sides: str) -> None:
    for side in sides:
        for counter in body[side]:
            change(counter)


def grant(body: Any) -> None:
    """Let a refused spend through."""
    body["kind"] = "authorised"
    counters(body, lambda each: each.update(reserved=plain(Decimal(each["reserved"]) + 51)), "after")


def overpay(body: Any) -> None:
    body["paid"] = "50.5"
    counters(body, lambda each: each.update(spent="50.5"), "after")


def cheapen(body: Any) -> None:
    """Write down less than was asked for."""
    body["amount"] = "5 USDC"
    counters(body, lambda each: each["span"] == "transaction" or each.update(reserved="5"), "after")


def start_afresh(body: Any) -> None:
    """Weigh a spend over a day that nothing was spent on yet."""
    counters(body, lambda each: each["span"] == "day" and each.update(span_start="2026-02-08"), "before", "after")


NO: JsonValue = {"status": 403, "error": "no", "details": "no"}
LIES: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "granted though over a limit": ("refused", grant, "Requested 51 USDC, limit is 200 USDC"),
    "refused though within limits": ("authorised", lambda body: body.update(kind="refused", answer=NO), "did not call"),
    "a limit that was not weighed": (
        "authorised",
        lambda body: (body["before"].pop(0), body["after"].pop(0)),
        "was not weighed",
    ),
    "a limit higher than in force": (
        "authorised",
        lambda body: counters(body, lambda each: each.update(limit="9999"), "before", "after"),
        "was not weighed as it is in force",
    ),
    "more room than there was": (
        "refused",
        lambda body: counters(body, lambda each: each.update(reserved="0"), "before", "after"),
        "did not stand as it says",
    ),
    "nothing held": (
        "authorised",
        lambda body: counters(body, lambda each: each.update(reserved="0"), "after"),
        "do not follow from those before",
    ),
    "less than was asked": ("authorised", cheapen, "something else than what was asked"),
    "another payee than asked": ("authorised", lambda body: body.update(payee="0xEve"), "something else than"),
    "another request than hashed": (
        "authorised",
        lambda body: body["request"].update(purpose="a yacht"),
        "something else than",
    ),
    "a day of its own": ("authorised", start_afresh, "weighed over another day"),
    "paid more than was held": ("posted", overpay, "cost more than was held"),
    "paid what was not held": ("posted", lambda body: body.update(reservation_id="x"), "was not pending"),
    "held on other limits": ("voided", lambda body: body["before"].pop(), "held on other limits"),
    "spent and said to be free": ("posted", lambda body: body.update(kind="voided"), "do not follow from"),
    "a kind that there is not": ("posted", lambda body: body.update(kind="gift"), "unknown kind"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_decision_is_found_even_when_every_hash_was_computed_anew(books: Books, lie: str) -> None:
    kind, forge, found = LIES[lie]
    n = find(books, kind)
    body: Any = deepcopy(books.events[n].body)
    forge(body)
    forged = rehashed([*books.events[:n], books.events[n].model_copy(update={"body": body}), *books.events[n + 1 :]])
    problems = evidence.check(forged)
    assert named(problems, n + 1)
    assert any(found in problem for problem in problems if problem.startswith(f"event {n + 1}:")), problems
    assert not any("hash does not fit" in problem for problem in problems)


def test_new_limits_that_forget_what_was_used_are_found(books: Books) -> None:
    n = next(n for n, each in enumerate(books.events) if each.body["kind"] == "limits" and each.body["after"])
    body: Any = deepcopy(books.events[n].body)
    counters(body, lambda each: each.update(spent="0"), "after")
    forged = rehashed([*books.events[:n], books.events[n].model_copy(update={"body": body}), *books.events[n + 1 :]])
    assert f"event {n + 1}: new limits changed what was used of them" in evidence.check(forged)


@pytest.mark.parametrize("kind", ["posted", "voided", "expired"])
def test_a_transfer_that_ends_twice_is_found(books: Books, kind: str) -> None:
    reservation_id = str(books.events[find(books, kind)].body["reservation_id"])
    books.close(reservation_id, "voided")
    problems = evidence.check(books.events)
    assert f"event {len(books.events)}: transfer {reservation_id} was not pending" in problems


def test_a_retired_limit_binds_no_more_and_one_of_another_payee_never_did(books: Books) -> None:
    last = books.events[-2].body
    before: Any = last["before"]
    assert last["kind"] == "authorised"
    assert {each["scope"] for each in before} == {"tenant", "campaign"}
    first: Any = books.events[find(books, "authorised")].body["before"]
    assert {each["scope"] for each in first} == {"tenant", "campaign", "category"}
