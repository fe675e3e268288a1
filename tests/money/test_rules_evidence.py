"""The chain of money events: recomputed by anybody, and no lie in it passes (PRV-4)."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic import JsonValue
from tests.money.chains import NOON, Books, event, rehashed

from chimera.ids import new_id
from chimera.money.rules import evidence
from chimera.money.rules.evidence import Event, Head, Link
from chimera_protocol.money import plain


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


def late() -> Books:
    """Limits that come, or come back, after something was spent: two by category, and one that nothing falls under."""
    made = Books()
    made.limit("tenant", str(made.head.tenant_id), "day", "200 USDC")
    first, second, third = made.ask("50 USDC"), made.ask("30 USDC"), made.ask("20 USDC")
    made.close(first, "posted", "49.5")
    made.close(third, "voided")
    made.limit("category", "ads", "day", "100 USDC")
    made.limit("payee", "0xElse", "day", "1 USDC")
    made.close(second, "posted", "29.5")
    made.limit("category", "ads", "day", "100 USDC", retired=True)
    made.close(made.ask("10 USDC"), "posted", "10")
    fourth = made.ask("5 USDC")
    made.limit("category", "ads", "day", "100 USDC")
    made.close(fourth, "expired")
    made.ask("12 USDC")
    return made


def set_anew(books: Books) -> list[int]:
    """Where limits are put in force over what was used before."""
    return [n for n, each in enumerate(books.events) if each.body.get("adopted")]


@pytest.fixture
def lately() -> Books:
    return late()


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


def test_every_changed_field_of_every_event_is_found_and_named(books: Books, lately: Books) -> None:
    tried = 0
    for events in (books.events, lately.events):
        for n, each in enumerate(events):
            for path in leaves(each.body):
                forged = [*events[:n], changed(each, path), *events[n + 1 :]]
                assert named(evidence.check(forged), each.sequence), path
                tried += 1
    assert tried > 600


def test_every_field_that_is_left_out_or_added_is_found_and_named(books: Books) -> None:
    for n, each in enumerate(books.events):
        bodies = [{name: said for name, said in each.body.items() if name != gone} for gone in each.body]
        for body in [*bodies, {**each.body, "extra": 1}]:
            forged = [*books.events[:n], each.model_copy(update={"body": body}), *books.events[n + 1 :]]
            assert named(evidence.check(forged), each.sequence)


@pytest.mark.parametrize("change", [{"tenant_id": UUID(int=7)}, {"sequence": 99}, {"hash": "f" * 64}], ids=str)
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


def test_limits_that_come_late_count_what_was_used_and_hold_what_is_pending(lately: Books) -> None:
    assert evidence.check(lately.events) == []
    found: Any = [lately.events[n].body for n in set_anew(lately)]
    (start,), (again,) = (body["after"] for body in found)
    assert (start["reserved"], start["spent"], again["reserved"], again["spent"]) == ("30", "49.5", "5", "89")
    assert [[each["reservation_id"] for each in body["adopted"]] for body in found] == [
        [list(lately.spends)[1]],
        [list(lately.spends)[4]],
    ]
    last: Any = lately.events[-1].body
    assert (last["kind"], last["answer"]["details"]) == ("refused", "Requested 12 USDC, limit is 100 USDC")


@pytest.mark.parametrize(
    ("zone", "span", "after", "counted"),
    [
        ("UTC", "day", timedelta(hours=11), "50"),
        ("UTC", "day", timedelta(hours=13), None),
        ("Pacific/Kiritimati", "day", timedelta(hours=21), "50"),
        ("Pacific/Kiritimati", "day", timedelta(hours=23), None),
        ("UTC", "month", timedelta(days=23), "50"),
        ("UTC", "month", timedelta(days=24), None),
        ("UTC", "total", timedelta(days=400), "50"),
    ],
)
def test_a_limit_that_comes_late_counts_the_present_span_in_the_tenants_time_zone(
    zone: str, span: str, after: timedelta, counted: str | None
) -> None:
    made = Books(zone)
    made.limit("tenant", str(made.head.tenant_id), "total", "200 USDC")
    made.close(made.ask("50 USDC"), "posted", "50")
    made.now = NOON + after
    made.limit("campaign", str(made.campaign), span, "60 USDC")
    told: Any = made.events[-1].body["after"]
    assert [each["spent"] for each in told] == ([counted] if counted else [])
    made.ask("11 USDC")
    assert made.events[-1].body["kind"] == ("refused" if counted else "authorised")
    assert evidence.check(made.events) == []


def elsewhere(body: Any) -> None:
    """Say that it is another day where the tenant is, on which nothing was spent yet."""
    body.update(time_zone="Pacific/Kiritimati", after=body["before"], adopted=[])


def another(body: Any) -> None:
    body["adopted"][0]["reservation_id"] = str(new_id())


START, HELD = "does not start with what was reserved and spent under it", "it holds other transfers than those"
LATE_LIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "nothing used": (lambda body: body.update(after=body["before"], adopted=[]), START),
    "less spent": (lambda body: counters(body, lambda each: each.update(spent="1"), "after"), START),
    "more spent": (lambda body: counters(body, lambda each: each.update(spent="90"), "after"), START),
    "less reserved": (lambda body: counters(body, lambda each: each.update(reserved="1"), "after"), START),
    "a lower limit than was set": (lambda body: counters(body, lambda each: each.update(limit="99"), "after"), START),
    "of another day": (lambda body: counters(body, lambda e: e.update(span_start="2026-02-04"), "after"), START),
    "twice": (lambda body: body["after"].append(body["after"][0]), "counts a limit twice"),
    "over the limit": (lambda body: counters(body, lambda each: each.update(limit="3"), "after"), "was exceeded"),
    "nothing adopted": (lambda body: body.update(adopted=[]), HELD),
    "adopted twice": (lambda body: body["adopted"].append(body["adopted"][0]), HELD),
    "adopted another": (another, HELD),
    "adopted into another day": (lambda body: body["adopted"][0].update(span_start="2026-02-04"), HELD),
    "no word about adoption": (lambda body: body.pop("adopted"), "cannot be read: KeyError"),
    "of where it is tomorrow": (elsewhere, "its days are those of another time zone"),
    "no time zone": (lambda body: body.pop("time_zone"), "cannot be read: KeyError"),
    "no such time zone": (lambda body: body.update(time_zone="Mars/Base"), "cannot be read"),
}


@pytest.mark.parametrize("which", [0, 1], ids=["new", "returning"])
@pytest.mark.parametrize("lie", LATE_LIES)
def test_a_limit_that_starts_with_anything_else_is_found(lately: Books, lie: str, which: int) -> None:
    forge, found = LATE_LIES[lie]
    n = set_anew(lately)[which]
    body: Any = deepcopy(lately.events[n].body)
    forge(body)
    problems = evidence.check(rehashed([*lately.events[:n], lately.events[n].model_copy(update={"body": body})]))
    assert named(problems, n + 1)
    assert any(found in problem for problem in problems), problems
    assert not any("hash does not fit" in problem for problem in problems)


def test_an_adopted_transfer_must_end_on_the_limit_that_holds_it(lately: Books) -> None:
    name = list(lately.spends)[1]
    ends = [each.body.get("reservation_id") == name and each.body["kind"] == "posted" for each in lately.events]
    n = ends.index(True)
    body: Any = deepcopy(lately.events[n].body)
    for side in ("before", "after"):
        body[side] = body[side][:1]
    forged = rehashed([*lately.events[:n], lately.events[n].model_copy(update={"body": body})])
    assert f"event {n + 1}: transfer {name} was held on other limits" in evidence.check(forged)


def test_a_limit_in_force_may_not_be_counted_or_set_otherwise(books: Books) -> None:
    n = next(n for n, each in enumerate(books.events) if each.body["kind"] == "limits" and each.body["after"])
    lies: list[tuple[Callable[[Any], Any], str]] = [
        (lambda body: body["after"][0].update(limit="900"), "does not hold as it was set"),
        (lambda body: body["after"].clear(), "new limits changed what was used of them"),
        (lambda body: body.update(before=[], after=[]), "new limits changed what was used of them"),
    ]
    for forge, found in lies:
        body: Any = deepcopy(books.events[n].body)
        forge(body)
        problems = evidence.check(rehashed([*books.events[:n], books.events[n].model_copy(update={"body": body})]))
        assert len(problems) == 1
        assert found in problems[0]


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
