"""The CFO Judge passes every spend by the treasury, and its word is the treasury's."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs
from tests.roles.fakes import WALLET, FakeSigner
from tests.roles.treasuries import GRANTED, REFUSED, FakeTreasury

from chimera.ids import new_id
from chimera.money.types.authorization import CfoAnswer, TransactionRequest
from chimera.money.types.messages import SpendOrder
from chimera.roles.cfo import CfoJudge
from chimera_protocol.payments import PaymentAction, PaymentOrder
from chimera_protocol.statements import signed_bytes


def order(category: str = "general") -> SpendOrder:
    request = TransactionRequest(destination_wallet=WALLET, token_amount="50 USDC", purpose="reach", category=category)
    return SpendOrder(
        tenant_id=new_id(), agent_id=None, campaign_id=None, task_id=None, idempotency_key="k", request=request
    )


@pytest.mark.parametrize("answer", [GRANTED, REFUSED])
async def test_the_answer_is_the_treasurys_and_the_order_reaches_it_whole(answer: CfoAnswer) -> None:
    treasury, wish = FakeTreasury(answer), order()
    decided = await CfoJudge(treasury, FakeSigner()).authorise(wish)
    assert [decided] == treasury.decided
    assert (decided.answer, decided.granted) == (answer, answer is GRANTED)
    assert treasury.orders == [wish]


async def test_every_spend_is_logged_but_not_every_call_of_a_model() -> None:
    judge = CfoJudge(FakeTreasury(), FakeSigner())
    with capture_logs() as lines:
        for category in ("ads", "compute"):
            await judge.authorise(order(category))
    assert [(line["event"], line["granted"], line["amount"]) for line in lines] == [("spend", True, "50 USDC")]


def test_what_the_signer_is_told_is_signed_whole() -> None:
    said = PaymentOrder(
        order_id=new_id(),
        account=f"{new_id()}:{new_id()}",
        action=PaymentAction.TRANSFER,
        chain_id=1,
        destination=WALLET,
        amount="50 USDC",
        max_fee=None,
        purpose="reach",
        budget_verification_hash="0" * 64,
        expires_at=datetime(2026, 2, 5, tzinfo=UTC),
    )
    signature = CfoJudge(FakeTreasury(), FakeSigner()).instruct(said)
    assert signature == f"signed:{len(signed_bytes(said.model_dump(mode='json')))}"
