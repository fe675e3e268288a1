"""The CFO Judge: no spend happens without its word (FIN-1)."""

import structlog
from opentelemetry import trace

from chimera.money.ports import TreasuryPort
from chimera.money.types.authorization import COMPUTE, Decided
from chimera.money.types.messages import SpendOrder
from chimera.provenance.ports import Signer
from chimera_protocol.payments import PaymentOrder
from chimera_protocol.statements import signed_bytes

log = structlog.get_logger()
tracer = trace.get_tracer("chimera.cfo")


class CfoJudge:
    """Decides about every spend; holds the treasury, and nobody else in the swarm does."""

    def __init__(self, treasury: TreasuryPort, signer: Signer) -> None:
        self._treasury = treasury
        self._signer = signer

    def instruct(self, order: PaymentOrder) -> str:
        """Sign a payment order, so that the signer may carry it out."""
        return self._signer.sign(signed_bytes(order.model_dump(mode="json")))

    async def authorise(self, order: SpendOrder) -> Decided:
        """Reserve the money of a spend, or say why not. The same order twice gets the same answer."""
        with tracer.start_as_current_span("cfo.authorise", attributes={"task": str(order.task_id)}) as span:
            decided = await self._treasury.authorise(order)
            span.set_attribute("granted", decided.granted)
            if order.request.category != COMPUTE:  # every model call would drown the rest
                await log.ainfo(
                    "spend", granted=decided.granted, amount=order.request.token_amount, task=str(order.task_id)
                )
            return decided
