"""Every model call is a spend: reserved from an estimate, settled to the usage, kept when nobody knows it (FIN-4)."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from chimera.contracts.claims import SpendOrder, Task
from chimera.contracts.errors import ModelFailed
from chimera.contracts.finance import COMPUTE, Authorization, Closing, Outcome, TransactionRequest
from chimera.contracts.ports import Answer, Cfo, Model, Out, Treasury
from chimera.contracts.values import Money, Role
from chimera.contracts.work import RenderedPrompt, Usage


class MeteredModel:
    """Implements `ports.PaidModel` over a model and the CFO."""

    def __init__(self, model: Model, cfo: Cfo, treasury: Treasury) -> None:
        self._model = model
        self._cfo = cfo
        self._treasury = treasury

    async def ask(self, task: Task, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> Answer[Out]:
        """See `ports.PaidModel.ask`."""
        ceilings = self._model.ceilings(role, prompt)
        held = await self._reserve(task, role, prompt, ceilings)
        try:
            answer = await self._model.ask(role, prompt, output, seed=seed)
        except ModelFailed as error:
            for reservation_id, _, _ in held:
                await self._after_failure(reservation_id, error)
            raise
        cost, currency = _cost(answer.usage)
        known = cost > 0 and any(ceiling.currency == currency for _, ceiling, _ in held)
        mark: str | None = None
        for reservation_id, ceiling, verification in held:
            if not known:
                await self._treasury.doubt(reservation_id, "the provider did not say what the call cost")
            elif ceiling.currency != currency:
                await self._treasury.close(Closing(reservation_id=reservation_id, outcome=Outcome.VOIDED))
            else:
                mark = verification
                await self._treasury.close(
                    Closing(
                        reservation_id=reservation_id,
                        outcome=Outcome.POSTED,
                        paid=cost,
                        source=answer.model_used,
                        compute_tokens=answer.usage.tokens,
                        reference=f"{prompt.name}:{prompt.sha256[:16]}",
                    )
                )
        usage = answer.usage.model_copy(update={"budget_verification_hash": mark})
        return answer.model_copy(update={"usage": usage})

    async def _reserve(
        self, task: Task, role: Role, prompt: RenderedPrompt, ceilings: Sequence[Money]
    ) -> list[tuple[UUID, Money, str]]:
        held: list[tuple[UUID, Money, str]] = []
        for ceiling in ceilings:
            order = SpendOrder(
                tenant_id=task.tenant_id,
                agent_id=task.agent_id,
                campaign_id=task.campaign_id,
                task_id=task.task_id,
                idempotency_key=f"model-{task.task_id}-{task.attempt}-{prompt.name}-{ceiling.currency}",
                request=TransactionRequest(
                    destination_wallet=f"model:{role.value}",
                    token_amount=str(ceiling),
                    purpose=f"{role.value}: {prompt.name} v{prompt.version}",
                    campaign_id=task.campaign_id,
                    category=COMPUTE,
                ),
            )
            decided = await self._cfo.authorise(order)
            if not isinstance(decided.answer, Authorization):
                for reservation_id, _, _ in held:
                    await self._treasury.close(Closing(reservation_id=reservation_id, outcome=Outcome.VOIDED))
                raise ModelFailed(
                    f"{role}: the CFO refused the call: {decided.answer.error}, {decided.answer.details}", billed=False
                )
            held.append((decided.reservation_id, ceiling, decided.answer.budget_verification_hash))
        return held

    async def _after_failure(self, reservation_id: UUID, error: ModelFailed) -> None:
        """What may have been billed keeps its reservation; a human sees it and the provider's bill."""
        if error.billed:
            await self._treasury.doubt(reservation_id, error.detail)
        else:
            await self._treasury.close(Closing(reservation_id=reservation_id, outcome=Outcome.VOIDED))


def _cost(usage: Usage) -> tuple[Decimal, str]:
    """What a call cost: money where its price is known, counted tokens where nobody sends a bill."""
    if usage.cost is None:
        return Decimal(usage.tokens), "COMPUTE"
    amount, _, currency = usage.cost.partition(" ")
    return Decimal(amount), currency
