"""The Paymaster: ordered before it is carried out, carried out as often as it takes, booked by the chain's word."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from pydantic import JsonValue
from tests.roles.fakes import FakeSigner, FakeTools
from tests.roles.treasuries import REFUSED, FakeTreasury

from chimera.errors import Conflict, ToolFailed
from chimera.gateways.mcp.types import ToolResult
from chimera.ids import new_id
from chimera.money.service.paymaster import Chain, Paymaster
from chimera.money.types.authorization import FEES, Decided
from chimera.money.types.messages import PaymentDue, SpendOrder
from chimera.roles.cfo import CfoJudge
from chimera_protocol.payments import PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus

CHAIN = Chain(chain_id=31_337, currencies=frozenset({"ETH", "USDC"}))
HASH = "0x" + "a" * 64
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
NONE, SIGNED, PENDING = PaymentStatus.NONE, PaymentStatus.SIGNED, PaymentStatus.PENDING
CONFIRMED, REVERTED = PaymentStatus.CONFIRMED, PaymentStatus.REVERTED


@dataclass
class FakePayments:
    """`ports.Payments`: one transfer, and what became of it."""

    state: PaymentDue
    ended: list[tuple[str, PaymentReceipt]] = field(default_factory=list)

    async def due(self, reservation_id: UUID) -> PaymentDue:
        return self.state

    async def keep(self, due: PaymentDue, order: PaymentOrder, signature: str, fee_id: UUID | None) -> PaymentDue:
        if self.state.order is None:
            self.state = self.state.model_copy(update={"order": order, "signature": signature, "fee_id": fee_id})
        return self.state

    async def confirmed(self, due: PaymentDue, receipt: PaymentReceipt, asset_id: UUID | None = None) -> None:
        self.ended.append(("confirmed", receipt))
        self.state = self.state.model_copy(update={"pending": False, "tx_hash": receipt.tx_hash})

    async def failed(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        self.ended.append(("failed", receipt))
        self.state = self.state.model_copy(update={"pending": False})


class Wallet(FakeTools):
    """A wallet server: quotes, and answers a payment with what it was told to."""

    def __init__(self, status: PaymentStatus = CONFIRMED, error: ToolFailed | None = None, **answer: JsonValue) -> None:
        super().__init__()
        self.status = status
        self.refusal = error
        self.answer = answer

    async def call(self, server: str, tool: str, arguments: Mapping[str, JsonValue]) -> ToolResult:
        answered = await super().call(server, tool, arguments)
        if tool == "quote_fee":
            return answered.model_copy(update={"data": {"max_fee": "0.001 ETH"}})
        if self.refusal is not None:
            raise self.refusal
        order = arguments["order"]
        assert isinstance(order, dict)
        receipt: dict[str, JsonValue] = {"order_id": order["order_id"], "status": self.status.value, "tx_hash": HASH}
        data = {"receipt": receipt, **self.answer} if tool == "pay_resource" else {**receipt, **self.answer}
        return answered.model_copy(update={"data": data})

    @property
    def asked(self) -> list[str]:
        return [tool for _, tool, _ in self.calls]


def transfer(**changes: Any) -> FakePayments:
    """A transfer of 50 USDC that waits to be paid."""
    given: dict[str, Any] = {
        "reservation_id": new_id(),
        "tenant_id": new_id(),
        "agent_id": new_id(),
        "campaign_id": None,
        "task_id": None,
        "pending": True,
        "payee": PAYEE,
        "amount": "50 USDC",
        "purpose": "reach",
        "budget_verification_hash": "0" * 64,
    }
    return FakePayments(PaymentDue(**{**given, **changes}))


def paymaster(payments: FakePayments, wallet: FakeTools, treasury: FakeTreasury | None = None) -> Paymaster:
    return Paymaster(payments, CfoJudge(treasury or FakeTreasury(), FakeSigner()), wallet, CHAIN)


async def pay(payments: FakePayments, wallet: FakeTools, treasury: FakeTreasury | None = None) -> str | None:
    return await paymaster(payments, wallet, treasury).pay(payments.state.reservation_id, new_id())


def certain(detail: str, *, permanent: bool) -> ToolFailed:
    return ToolFailed(detail, uncertain=False, permanent=permanent)


async def test_the_fee_is_reserved_then_the_order_kept_then_the_money_sent_and_booked() -> None:
    payments, wallet, treasury = transfer(), Wallet(), FakeTreasury()
    assert await pay(payments, wallet, treasury) == HASH
    assert wallet.asked == ["quote_fee", "transfer"]
    (fee,) = treasury.orders
    assert (fee.request.category, fee.request.token_amount) == (FEES, "0.001 ETH")
    assert fee.idempotency_key == f"fee-{payments.state.reservation_id}"
    order = payments.state.order
    assert order is not None
    assert (order.order_id, order.amount, order.destination, order.max_fee, order.chain_id) == (
        payments.state.reservation_id,
        "50 USDC",
        PAYEE,
        "0.001 ETH",
        31_337,
    )
    assert wallet.calls[-1][2] == {"order": order.model_dump(mode="json"), "signature": payments.state.signature}
    assert [how for how, _ in payments.ended] == ["confirmed"]


async def test_asked_again_it_carries_out_the_same_order_and_asks_nobody_for_another_fee() -> None:
    payments, treasury, doubtful = transfer(), FakeTreasury(), Wallet(SIGNED)
    with pytest.raises(ToolFailed, match="the payment is signed") as caught:
        await pay(payments, doubtful, treasury)
    assert (caught.value.uncertain, payments.ended, payments.state.pending) == (True, [], True)
    wallet = Wallet()
    assert await pay(payments, wallet, treasury) == HASH
    assert wallet.calls[0][2] == doubtful.calls[1][2]
    assert (wallet.asked, len(treasury.orders)) == (["transfer"], 1)


async def test_a_fee_that_is_held_already_is_the_one_that_is_ordered() -> None:
    payments, wallet, treasury = transfer(fee_id=new_id(), max_fee="0.002 ETH"), Wallet(), FakeTreasury()
    assert await pay(payments, wallet, treasury) == HASH
    assert (wallet.asked, treasury.orders) == (["transfer"], [])
    assert payments.state.order is not None and payments.state.order.max_fee == "0.002 ETH"


async def test_what_is_paid_is_not_paid_again() -> None:
    wallet = Wallet()
    assert await pay(transfer(pending=False, tx_hash=HASH), wallet) == HASH
    assert wallet.calls == []


@pytest.mark.parametrize("changes", [{"amount": "50 USD"}, {"agent_id": None}], ids=["not on the chain", "nobody's"])
async def test_what_no_wallet_pays_is_left_to_the_platforms_bill(changes: dict[str, Any]) -> None:
    wallet = Wallet()
    assert await pay(transfer(**changes), wallet) is None
    assert wallet.calls == []


async def test_money_that_was_given_back_is_neither_paid_nor_left_to_the_platforms_bill() -> None:
    wallet = Wallet()
    with pytest.raises(ToolFailed, match="not reserved any more") as caught:
        await pay(transfer(pending=False), wallet)
    assert (caught.value.uncertain, caught.value.permanent, wallet.calls) == (False, True, [])


@pytest.mark.parametrize(
    ("wallet", "uncertain", "ended"),
    [
        (Wallet(REVERTED), False, ["failed"]),
        (Wallet(PENDING), True, []),
        (Wallet(error=certain("insufficient_funds", permanent=True)), False, ["failed"]),
        (Wallet(error=certain("unavailable", permanent=False)), False, []),
        (Wallet(error=ToolFailed("timed out", uncertain=True)), True, []),
        (Wallet(status=CONFIRMED, order_id="x"), True, []),
    ],
    ids=["reverted", "pending", "never", "not now", "timed out", "rubbish"],
)
async def test_only_what_will_never_happen_gives_the_money_back(
    wallet: Wallet, uncertain: bool, ended: list[str]
) -> None:
    payments = transfer()
    with pytest.raises(ToolFailed) as caught:
        await pay(payments, wallet)
    assert (caught.value.uncertain, [how for how, _ in payments.ended]) == (uncertain, ended)


async def test_a_fee_that_the_cfo_refuses_stops_the_payment_before_any_order() -> None:
    payments, wallet = transfer(), Wallet()
    with pytest.raises(ToolFailed, match="refused the chain's fee: Daily spend limit exceeded") as caught:
        await pay(payments, wallet, FakeTreasury(REFUSED))
    assert (caught.value.permanent, payments.state.order, wallet.asked) == (True, None, ["quote_fee"])


async def test_a_fee_that_somebody_else_reserved_meanwhile_is_doubt() -> None:
    class Taken(FakeTreasury):
        async def authorise(self, order: SpendOrder) -> Decided:
            raise Conflict("this Idempotency-Key was used for another request")

    with pytest.raises(ToolFailed, match="somebody else") as caught:
        await pay(transfer(), Wallet(), Taken())
    assert caught.value.uncertain


async def test_a_token_is_its_fee_and_its_supply_is_the_influencers_own() -> None:
    payments, wallet = transfer(amount="0.002 ETH", payee="chain"), Wallet()
    details: dict[str, JsonValue] = {"name": "Quiet", "symbol": "QUIET", "supply": "1", "decimals": 0}
    receipt = await paymaster(payments, wallet).deploy_token(payments.state.reservation_id, details)
    order = payments.state.order
    assert order is not None
    assert (order.action, order.max_fee, order.destination) == (PaymentAction.DEPLOY_TOKEN, "0.002 ETH", "")
    assert (order.details, receipt.status, [how for how, _ in payments.ended]) == (details, CONFIRMED, ["confirmed"])
    with pytest.raises(Conflict, match="another request"):
        await paymaster(payments, wallet).deploy_token(payments.state.reservation_id, {**details, "supply": "2"})
    assert wallet.asked == ["deploy_token"]


@pytest.mark.parametrize(
    ("wallet", "ended"),
    [
        (Wallet(uncertain=False, outcome="delivered"), ["confirmed"]),
        (Wallet(uncertain=False, outcome="not_delivered"), ["confirmed"]),
        (Wallet(NONE, uncertain=False, outcome="free"), ["failed"]),
        (Wallet(REVERTED, uncertain=False, outcome="not_delivered"), ["failed"]),
        (Wallet(SIGNED, uncertain=True, outcome="unknown"), []),
    ],
    ids=["delivered", "paid only", "free", "void", "unknown"],
)
async def test_a_resource_is_booked_by_what_became_of_the_money_and_not_of_the_resource(
    wallet: Wallet, ended: list[str]
) -> None:
    payments = transfer(amount="0.05 USDC")
    answer = await paymaster(payments, wallet).buy(payments.state.reservation_id, "https://x.test/a")
    assert answer["outcome"] == wallet.answer["outcome"]
    assert [how for how, _ in payments.ended] == ended
    assert wallet.calls[0][2]["url"] == "https://x.test/a"


async def test_an_order_whose_money_was_given_back_is_never_carried_out_again() -> None:
    payments = transfer(amount="0.05 USDC")
    refusing = Wallet(error=certain("invalid: the price has changed", permanent=True))
    with pytest.raises(ToolFailed, match="price has changed"):
        await paymaster(payments, refusing).buy(payments.state.reservation_id, "https://x.test/a")
    wallet = Wallet(uncertain=False)
    with pytest.raises(ToolFailed, match="over") as caught:
        await paymaster(payments, wallet).buy(payments.state.reservation_id, "https://x.test/a")
    assert (caught.value.permanent, wallet.calls) == (True, [])


async def test_the_same_key_for_another_resource_is_a_conflict_and_rubbish_is_doubt() -> None:
    payments, rubbish = transfer(amount="0.05 USDC"), Wallet(receipt={"status": "maybe"})
    with pytest.raises(ToolFailed, match="cannot be read") as caught:
        await paymaster(payments, rubbish).buy(payments.state.reservation_id, "https://x.test/a")
    assert (caught.value.uncertain, payments.ended) == (True, [])
    with pytest.raises(Conflict, match="another request"):
        await paymaster(payments, Wallet()).buy(payments.state.reservation_id, "https://x.test/b")
