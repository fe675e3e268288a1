"""Every model call is a spend: reserved from an estimate, settled to the usage, kept when nobody knows it (FIN-4)."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from chimera.contracts.claims import SpendOrder, Task
from chimera.contracts.errors import ModelFailed
from chimera.contracts.finance import COMPUTE, Authorization, Closing, Outcome, TransactionRequest
from chimera.contracts.ports import Answer, Cfo, Model, Out, Treasury
from chimera.contracts.values import Money, Role
from chimera.contracts.work import RenderedPrompt

_TOKENS = "COMPUTE"
_ANY = UUID(int=0)
_UNKNOWN = "the provider did not say what the call cost"


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
        mark: str | None = None
        for held_one, end in zip(held, _ends([ceiling for _, ceiling, _ in held], answer), strict=True):
            reservation_id, _, verification = held_one
            if isinstance(end, str):
                await self._treasury.doubt(reservation_id, end)
                continue
            named = {"reservation_id": reservation_id, "reference": f"{prompt.name}:{prompt.sha256[:16]}"}
            await self._treasury.close(end.model_copy(update=named))
            mark = verification if end.outcome is Outcome.POSTED else mark
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


def _ends(ceilings: Sequence[Money], answer: Answer[Out]) -> list[Closing | str]:
    """What becomes of each reservation: closed, or why nobody knows what was spent of it.

    A model of our own costs counted tokens, one of somebody else's what its bill says. Where ours answered after
    another's had failed, the other may send a bill all the same.
    """
    tokens, cost = answer.usage.tokens, answer.usage.cost
    own = cost is None and (answer.unbilled or all(ceiling.currency == _TOKENS for ceiling in ceilings))
    amount, currency = (Decimal(tokens), _TOKENS) if own else _parsed(cost)
    if amount == 0 or all(ceiling.currency != currency for ceiling in ceilings):
        return [_UNKNOWN] * len(ceilings)
    voided = Closing(reservation_id=_ANY, outcome=Outcome.VOIDED)
    ends: list[Closing | str] = []
    for place, ceiling in enumerate(ceilings):
        if ceiling.currency == currency:
            posted = {"outcome": Outcome.POSTED, "paid": amount, "source": answer.model_used, "compute_tokens": tokens}
            ends.append(voided.model_copy(update=posted))
        elif own and any(later.currency == _TOKENS for later in ceilings[place:]):
            ends.append("a provider failed before a model of our own answered; it may send a bill")
        else:
            ends.append(voided)
    return ends


def _parsed(cost: str | None) -> tuple[Decimal, str]:
    amount, _, currency = (cost or "0 ").partition(" ")
    return Decimal(amount), currency
