"""The CFO Judge passes every spend by the treasury, and its word is the treasury's."""

import pytest
from tests.swarm.fakes import WALLET, FakeTreasury
from tests.swarm.test_worker import GRANTED, REFUSED

from chimera.contracts.claims import SpendOrder
from chimera.contracts.finance import CfoAnswer, TransactionRequest
from chimera.contracts.ids import new_id
from chimera.swarm.cfo import CfoJudge


@pytest.mark.parametrize("answer", [GRANTED, REFUSED])
async def test_the_answer_is_the_treasurys_and_the_order_reaches_it_whole(answer: CfoAnswer) -> None:
    request = TransactionRequest(destination_wallet=WALLET, token_amount="50 USDC", purpose="reach")
    order = SpendOrder(
        tenant_id=new_id(), agent_id=None, campaign_id=None, task_id=None, idempotency_key="k", request=request
    )
    treasury = FakeTreasury(answer)
    assert await CfoJudge(treasury).authorise(order) is answer
    assert treasury.orders == [order]
