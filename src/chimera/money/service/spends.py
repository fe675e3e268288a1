"""Spends that are asked for over the API (FIN-1)."""

from uuid import UUID

from chimera.money.ports import Cfo
from chimera.money.reads import MoneyReads
from chimera.money.types.authorization import ROUTINE, Authorization, PolicyViolation, TransactionRequest
from chimera.money.types.messages import SpendOrder
from chimera_protocol.errors import Invalid


class SpendService:
    """The way of outside agents and people to the CFO Judge."""

    def __init__(self, reads: MoneyReads, cfo: Cfo) -> None:
        self._reads = reads
        self._cfo = cfo

    async def authorise(
        self, tenant_id: UUID, request: TransactionRequest, key: str
    ) -> Authorization | PolicyViolation:
        """Reserve the money or refuse it; the same key has the same answer.

        Invalid for a category that only the swarm books on, NotFound for a persona or campaign that is not there.
        """
        if request.category in ROUTINE:
            raise Invalid(f"the category {request.category!r} is the swarm's own", remedy="Choose another category.")
        payer = await self._reads.payer(tenant_id, request.persona, request.campaign_id)
        order = SpendOrder(
            tenant_id=tenant_id,
            agent_id=payer.agent_id,
            campaign_id=payer.campaign_id,
            task_id=None,
            idempotency_key=f"api-{key}",
            request=request,
            expires=True,
        )
        return (await self._cfo.authorise(order)).answer
