"""Payments by wallet in the tables: one order, one end, movements booked once, whoever comes at the same time."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.house import House

from chimera.ids import new_id
from chimera.money.service.payments import PaymentService
from chimera.money.types.authorization import FEES, Closing, SpendOutcome, TransactionRequest
from chimera.money.types.limits import Limit
from chimera.money.types.messages import PaymentDue
from chimera.personas.types.policy import Policy
from chimera_protocol.errors import NotFound
from chimera_protocol.payments import Movement, PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus

PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
HERS = "0xde709f2102306220921060314715629080e2fb77"
OWNER = "0x27b1fdb04752bbc536007a920d24acb045561c26"
FEE = "0.001 ETH"


def tx(number: int) -> str:
    return f"0x{number:064x}"


@pytest.fixture
def store(house: House) -> PaymentService:
    return house.system.wallets


@pytest.fixture
async def payer(house: House) -> House:
    """The house, with a limit for the chain's fees."""
    limits = [Limit(span="day", amount="200 USDC"), Limit(span="day", amount="1 ETH")]
    tenant = await house.system.accounts.open_tenant("payers")
    await house.system.accounts.set_policy(tenant, Policy(limits=limits), "operator:me")
    house.tenant_id = tenant
    house.nora = await house.system.accounts.import_persona(tenant, house.soul, "operator:me")
    await house.system.wallets.open(tenant, house.nora.agent_id, HERS)
    return house


async def reserved(house: House, amount: str = "50 USDC", key: str = "task-1", category: str = "ads") -> UUID:
    order = house.order(amount, key)
    request = TransactionRequest(destination_wallet=PAYEE, token_amount=amount, purpose="reach", category=category)
    decided = await house.system.treasury.authorise(order.model_copy(update={"request": request}))
    assert decided.granted
    return decided.reservation_id


def order_of(due: PaymentDue, **changes: Any) -> PaymentOrder:
    given: dict[str, Any] = {
        "order_id": due.reservation_id,
        "account": f"{due.tenant_id}:{due.agent_id}",
        "action": PaymentAction.TRANSFER,
        "chain_id": 1,
        "destination": due.payee,
        "amount": due.amount,
        "max_fee": FEE,
        "purpose": due.purpose,
        "budget_verification_hash": due.budget_verification_hash,
        "expires_at": datetime.now(UTC) + timedelta(days=1),
    }
    return PaymentOrder(**{**given, **changes})


async def ordered(house: House, **changes: Any) -> PaymentDue:
    """A transfer whose fee is reserved and whose order is kept."""
    reservation_id = await reserved(house)
    fee_id = await reserved(house, FEE, f"fee-{reservation_id}", FEES)
    due = await house.system.wallets.due(reservation_id)
    return await house.system.wallets.keep(due, order_of(due, **changes), "signature", fee_id)


def receipt(due: PaymentDue, status: PaymentStatus = PaymentStatus.CONFIRMED, fee: str | None = "0.0004 ETH") -> Any:
    return PaymentReceipt(order_id=due.reservation_id, status=status, tx_hash=tx(1), block=7, fee=fee)


async def ends(house: House) -> list[tuple[str, Decimal | None, str]]:
    query = "SELECT status, paid, reference FROM reservation WHERE tenant_id = $1 ORDER BY created_at"
    return [tuple(row) for row in await house.raw.fetch(query, house.tenant_id)]


async def holds(house: House, account: str, currency: str) -> Decimal:
    query = """SELECT coalesce(sum(p.amount), 0) FROM ledger_posting p JOIN transaction_ledger USING (transaction_id)
        WHERE p.tenant_id = $1 AND account = $2 AND currency = $3"""
    return Decimal(await house.value(query, house.tenant_id, account, currency))


async def test_the_first_order_stands_and_the_second_learns_of_it(payer: House, store: PaymentService) -> None:
    reservation_id = await reserved(payer)
    due = await store.due(reservation_id)
    assert (due.amount, due.payee, due.pending, due.order, due.tx_hash) == ("50 USDC", PAYEE, True, None, None)
    orders = [order_of(due, purpose=purpose) for purpose in ("one", "two")]
    kept = await asyncio.gather(*(store.keep(due, order, order.purpose, None) for order in orders))
    assert kept[0] == kept[1]
    assert kept[0].order in orders
    assert kept[0].signature == kept[0].order.purpose


async def test_a_fee_that_is_held_is_found_again(payer: House, store: PaymentService) -> None:
    reservation_id = await reserved(payer)
    fee_id = await reserved(payer, FEE, f"fee-{reservation_id}", FEES)
    due = await store.due(reservation_id)
    assert (due.fee_id, due.max_fee) == (fee_id, FEE)


async def test_what_the_chain_has_is_posted_once_with_the_fee_that_it_took(payer: House, store: PaymentService) -> None:
    due = await ordered(payer)
    await asyncio.gather(*(store.confirmed(due, receipt(due)) for _ in range(3)))
    await store.failed(due, receipt(due, PaymentStatus.REVERTED))
    assert await ends(payer) == [("posted", Decimal(50), tx(1)), ("posted", Decimal("0.0004"), tx(1))]
    assert (await store.due(due.reservation_id)).tx_hash == tx(1)
    wallet = f"wallet:{payer.nora.agent_id}"
    assert (await holds(payer, wallet, "USDC"), await holds(payer, wallet, "ETH")) == (-50, Decimal("-0.0004"))
    assert await payer.system.reads.unbalanced(payer.tenant_id) == 0
    actions = "SELECT count(*) FROM audit_event WHERE tenant_id = $1 AND action LIKE 'payment.%'"
    assert await payer.value(actions, payer.tenant_id) == 1


@pytest.mark.parametrize(
    ("status", "fee", "fee_ends"),
    [
        (PaymentStatus.REVERTED, "0.0004 ETH", ("posted", Decimal("0.0004"), tx(1))),
        (PaymentStatus.NONE, None, ("voided", Decimal(0), tx(1))),
    ],
)
async def test_what_did_not_happen_is_free_again_and_only_the_fee_that_was_taken_is_not(
    payer: House, store: PaymentService, status: PaymentStatus, fee: str | None, fee_ends: tuple[str, Decimal, str]
) -> None:
    due = await ordered(payer)
    await store.failed(due, receipt(due, status, fee))
    await store.confirmed(due, receipt(due))
    assert await ends(payer) == [("voided", Decimal(0), tx(1)), fee_ends]
    after = await store.due(due.reservation_id)
    assert (after.pending, after.tx_hash) == (False, None)


async def test_a_token_costs_its_fee_and_no_more(payer: House, store: PaymentService) -> None:
    reservation_id = await reserved(payer, "0.01 ETH", "token-1", "tokens")
    due = await store.due(reservation_id)
    due = await store.keep(due, order_of(due, action=PaymentAction.DEPLOY_TOKEN), "signature", None)
    await store.confirmed(due, receipt(due))
    assert await ends(payer) == [("posted", Decimal("0.0004"), tx(1))]


@pytest.mark.parametrize("kept", [True, False], ids=["ordered", "not ordered"])
async def test_a_fee_whose_transfer_was_cancelled_is_freed_by_the_sweeper(
    payer: House, store: PaymentService, kept: bool
) -> None:
    if kept:
        reservation_id = (await ordered(payer)).reservation_id
    else:
        reservation_id = await reserved(payer)
        await reserved(payer, FEE, f"fee-{reservation_id}", FEES)
    await reserved(payer, FEE, "api-fees-of-somebody", FEES)
    assert await store.tidy() == 0
    await payer.system.treasury.close(Closing(reservation_id=reservation_id, outcome=SpendOutcome.VOIDED))
    assert sum(await asyncio.gather(store.tidy(), store.tidy())) >= 1
    assert await store.tidy() == 0
    assert [end[0] for end in await ends(payer)] == ["voided", "voided", "pending"]
    status = await payer.value("SELECT status FROM payment WHERE reservation_id = $1", reservation_id)
    assert status == ("refused" if kept else None)


def movement(number: int, amount: str = "5 USDC", sender: str = PAYEE, recipient: str = HERS) -> Movement:
    return Movement(tx_hash=tx(number), log_index=0, block=number, sender=sender, recipient=recipient, amount=amount)


async def book(house: House, movements: Sequence[Movement], next_block: int = 10) -> int:
    return await house.system.wallets.book(house.tenant_id, house.nora.agent_id, movements, next_block, [OWNER.upper()])


async def test_movements_are_booked_once_as_funding_or_income(payer: House, store: PaymentService) -> None:
    owners = movement(1, "100 USDC", OWNER)
    others = movement(2, "7.5 USDC", recipient="0x" + HERS[2:].upper())
    told = await asyncio.gather(*(book(payer, [owners, others]) for _ in range(4)))
    assert sorted(told) == [0, 0, 0, 2]
    assert await holds(payer, "equity:funding", "USDC") == -100
    assert await holds(payer, f"income:received:{payer.nora.agent_id}", "USDC") == Decimal("-7.5")
    assert await holds(payer, f"wallet:{payer.nora.agent_id}", "USDC") == Decimal("107.5")
    assert await store.next_block(payer.tenant_id, payer.nora.agent_id) == 10
    await book(payer, [], 4)
    assert await store.next_block(payer.tenant_id, payer.nora.agent_id) == 10


@pytest.mark.parametrize("state", ["confirmed", "on its way", "another amount", "given back", "nobody's"])
async def test_only_what_nobody_ordered_is_unexpected(payer: House, store: PaymentService, state: str) -> None:
    number = 1
    if state != "nobody's":
        due = await ordered(payer)
        if state == "confirmed":
            await store.confirmed(due, receipt(due))
        elif state == "given back":
            await payer.system.treasury.close(Closing(reservation_id=due.reservation_id, outcome=SpendOutcome.VOIDED))
    out = movement(number, "51 USDC" if state == "another amount" else "50 USDC", HERS, PAYEE.lower())
    assert await book(payer, [out]) == 1
    noted = await payer.raw.fetch(
        "SELECT body ->> 'tx_hash' FROM audit_event WHERE tenant_id = $1 AND action = 'wallet.unexpected_payment'",
        payer.tenant_id,
    )
    unexpected = state in ("another amount", "given back", "nobody's")
    assert [row[0] for row in noted] == ([tx(number)] if unexpected else [])
    assert await holds(payer, "equity:funding", "USDC") == 0


async def test_what_is_not_there_is_said_to_be_missing(house: House, store: PaymentService) -> None:
    with pytest.raises(NotFound, match="no transfer"):
        await store.due(new_id())
    with pytest.raises(NotFound, match="no wallet yet"):
        await store.next_block(house.tenant_id, house.nora.agent_id)
    with pytest.raises(NotFound, match="no wallet yet"):
        await book(house, [])
