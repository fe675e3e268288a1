"""Every model call and every generated picture is a spend: reserved from an estimate, settled to what it took,
kept when nobody knows it (FIN-4)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from chimera.errors import ModelFailed
from chimera.gateways.models.types import Model, ModelAnswer, Out, RenderedPrompt
from chimera.money.ports import Cfo, Chargeable, TreasuryPort
from chimera.money.types.authorization import (
    COMPUTE,
    Authorization,
    Closing,
    PolicyViolation,
    SpendOutcome,
    TransactionRequest,
)
from chimera.money.types.messages import SpendOrder
from chimera.values import Role
from chimera_protocol.money import Money

_TOKENS = "COMPUTE"


class Bill(NamedTuple):
    """What somebody is to be paid at most, and for what; `key` tells the bills of one attempt apart."""

    key: str
    payee: str
    purpose: str
    ceiling: Money


class Held(NamedTuple):
    """What was set aside for a bill."""

    reservation_id: UUID
    ceiling: Money
    verification: str


class Meter:
    """What a step costs, before and after it."""

    def __init__(self, cfo: Cfo, treasury: TreasuryPort) -> None:
        self._cfo = cfo
        self._treasury = treasury

    async def reserve(self, task: Chargeable, bill: Bill) -> Held | PolicyViolation:
        """Set the bill's ceiling aside, if the CFO agrees."""
        decided = await self._cfo.authorise(
            SpendOrder(
                tenant_id=task.tenant_id,
                agent_id=task.agent_id,
                campaign_id=task.campaign_id,
                task_id=task.task_id,
                idempotency_key=f"{bill.key}-{task.task_id}-{task.attempt}-{bill.ceiling.currency}",
                request=TransactionRequest(
                    destination_wallet=bill.payee,
                    token_amount=str(bill.ceiling),
                    purpose=bill.purpose,
                    campaign_id=task.campaign_id,
                    category=COMPUTE,
                ),
            )
        )
        if not isinstance(decided.answer, Authorization):
            return decided.answer
        return Held(decided.reservation_id, bill.ceiling, decided.answer.budget_verification_hash)

    async def post(self, held: Held, paid: Decimal, source: str, reference: str, tokens: int = 0) -> None:
        """It cost so much."""
        await self._treasury.close(
            Closing(
                reservation_id=held.reservation_id,
                outcome=SpendOutcome.POSTED,
                paid=paid,
                source=source,
                compute_tokens=tokens,
                reference=reference,
            )
        )

    async def void(self, held: Held) -> None:
        """It cost nothing."""
        await self._treasury.close(Closing(reservation_id=held.reservation_id, outcome=SpendOutcome.VOIDED))

    async def mark_unknown(self, held: Held, cause: str) -> None:
        """Nobody knows what it cost: a human sees it, and the provider's bill."""
        await self._treasury.mark_unknown(held.reservation_id, cause)


class MeteredModel:
    """A model whose every call is paid for, over a model and a meter (FIN-4)."""

    def __init__(self, model: Model, meter: Meter) -> None:
        self._model = model
        self._meter = meter

    async def ask(
        self, task: Chargeable, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int
    ) -> ModelAnswer[Out]:
        """Put a prompt at a task's expense: set aside what it may cost at most, ask, settle what it took.

        ModelFailed also when the CFO does not authorise it.
        """
        ceilings = self._model.ceilings(role, prompt)
        held = await self._reserve(task, role, prompt, ceilings)
        try:
            answer = await self._model.ask(role, prompt, output, seed=seed)
        except ModelFailed as error:
            for one in held:
                await self._after_failure(one, error)
            raise
        own, amount, currency = _cost(ceilings, answer)
        known = amount > 0 and any(one.ceiling.currency == currency for one in held)
        mark: str | None = None
        for place, one in enumerate(held):
            if not known:
                await self._meter.mark_unknown(one, "the provider did not say what the call cost")
            elif one.ceiling.currency == currency:
                mark = one.verification
                reference = f"{prompt.name}:{prompt.sha256[:16]}"
                await self._meter.post(one, amount, answer.model_used, reference, answer.usage.tokens)
            elif own and any(later.currency == _TOKENS for later in ceilings[place:]):
                why = "a provider failed before a model of our own answered; it may send a bill"
                await self._meter.mark_unknown(one, why)
            else:
                await self._meter.void(one)
        usage = answer.usage.model_copy(update={"budget_verification_hash": mark})
        return answer.model_copy(update={"usage": usage})

    async def _reserve(
        self, task: Chargeable, role: Role, prompt: RenderedPrompt, ceilings: Sequence[Money]
    ) -> list[Held]:
        held: list[Held] = []
        for ceiling in ceilings:
            purpose = f"{role.value}: {prompt.name} v{prompt.version}"
            one = await self._meter.reserve(task, Bill(f"model-{prompt.name}", f"model:{role.value}", purpose, ceiling))
            if isinstance(one, PolicyViolation):
                for earlier in held:
                    await self._meter.void(earlier)
                raise ModelFailed(f"{role}: the CFO refused the call: {one.error}, {one.details}", billed=False)
            held.append(one)
        return held

    async def _after_failure(self, held: Held, error: ModelFailed) -> None:
        if error.billed:
            await self._meter.mark_unknown(held, error.detail)
        else:
            await self._meter.void(held)


def _cost(ceilings: Sequence[Money], answer: ModelAnswer[Out]) -> tuple[bool, Decimal, str]:
    """Whether a model of our own answered, and what that cost: counted tokens, or what somebody else's bill says."""
    cost = answer.usage.cost
    if cost is None and (answer.unbilled or all(ceiling.currency == _TOKENS for ceiling in ceilings)):
        return True, Decimal(answer.usage.tokens), _TOKENS
    amount, _, currency = (cost or "0 ").partition(" ")
    return False, Decimal(amount), currency
