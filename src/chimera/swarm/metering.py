"""Every model call is a spend: reserved from an estimate, settled to the usage, kept when nobody knows it (FIN-4)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from chimera.contracts.claims import SpendOrder, Task
from chimera.contracts.errors import ModelFailed
from chimera.contracts.money.finance import COMPUTE, Authorization, Closing, Outcome, TransactionRequest
from chimera.contracts.ports import Answer, Cfo, Model, Out, Treasury
from chimera.contracts.values import Money, Role
from chimera.contracts.work import RenderedPrompt

_TOKENS = "COMPUTE"


class _Held(NamedTuple):
    """What was set aside for a call, in one currency."""

    reservation_id: UUID
    ceiling: Money
    verification: str


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
            for one in held:
                await self._after_failure(one.reservation_id, error)
            raise
        own, amount, currency = _cost(ceilings, answer)
        known = amount > 0 and any(one.ceiling.currency == currency for one in held)
        mark: str | None = None
        for place, one in enumerate(held):
            if not known:
                await self._treasury.doubt(one.reservation_id, "the provider did not say what the call cost")
            elif one.ceiling.currency == currency:
                mark = one.verification
                await self._post(one.reservation_id, amount, answer, f"{prompt.name}:{prompt.sha256[:16]}")
            elif own and any(later.currency == _TOKENS for later in ceilings[place:]):
                why = "a provider failed before a model of our own answered; it may send a bill"
                await self._treasury.doubt(one.reservation_id, why)
            else:
                await self._void(one.reservation_id)
        usage = answer.usage.model_copy(update={"budget_verification_hash": mark})
        return answer.model_copy(update={"usage": usage})

    async def _reserve(self, task: Task, role: Role, prompt: RenderedPrompt, ceilings: Sequence[Money]) -> list[_Held]:
        held: list[_Held] = []
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
                for one in held:
                    await self._void(one.reservation_id)
                raise ModelFailed(
                    f"{role}: the CFO refused the call: {decided.answer.error}, {decided.answer.details}", billed=False
                )
            held.append(_Held(decided.reservation_id, ceiling, decided.answer.budget_verification_hash))
        return held

    async def _after_failure(self, reservation_id: UUID, error: ModelFailed) -> None:
        """What may have been billed keeps its reservation; a human sees it and the provider's bill."""
        if error.billed:
            await self._treasury.doubt(reservation_id, error.detail)
        else:
            await self._void(reservation_id)

    async def _post(self, reservation_id: UUID, paid: Decimal, answer: Answer[Out], reference: str) -> None:
        await self._treasury.close(
            Closing(
                reservation_id=reservation_id,
                outcome=Outcome.POSTED,
                paid=paid,
                source=answer.model_used,
                compute_tokens=answer.usage.tokens,
                reference=reference,
            )
        )

    async def _void(self, reservation_id: UUID) -> None:
        await self._treasury.close(Closing(reservation_id=reservation_id, outcome=Outcome.VOIDED))


def _cost(ceilings: Sequence[Money], answer: Answer[Out]) -> tuple[bool, Decimal, str]:
    """Whether a model of our own answered, and what that cost: counted tokens, or what somebody else's bill says."""
    cost = answer.usage.cost
    if cost is None and (answer.unbilled or all(ceiling.currency == _TOKENS for ceiling in ceilings)):
        return True, Decimal(answer.usage.tokens), _TOKENS
    amount, _, currency = (cost or "0 ").partition(" ")
    return False, Decimal(amount), currency
