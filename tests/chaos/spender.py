"""A process that spends: told what on its first line of input, it starts on the second, and says each thing it did.

Every line of its output is one JSON object, written after the treasury has answered. `die` names a moment at which
the process kills itself with -9: before or after the commit of its n-th transaction.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from chimera.database.postgres import Access, Database
from chimera.errors import ModelFailed
from chimera.gateways.models.types import ModelAnswer, RenderedPrompt, Usage
from chimera.money.service.limits import set_limits
from chimera.money.service.treasury import Treasury
from chimera.money.service.usage_billing import Meter, MeteredModel
from chimera.money.types.authorization import Authorization, Closing, SpendOutcome, TransactionRequest
from chimera.money.types.limits import Limit
from chimera.money.types.messages import SpendOrder
from chimera.tasks.types.messages import Task
from chimera.values import Role
from chimera_protocol.errors import ChimeraError
from chimera_protocol.money import Money

if TYPE_CHECKING:
    from chimera.database.postgres import Connection

Out = TypeVar("Out")
Plan = dict[str, Any]


class Mortal(Database):
    """A database whose client dies at a given moment of its n-th transaction."""

    moment, count = "", 0

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID | None = None) -> AsyncIterator["Connection"]:
        async with super().transaction(tenant_id) as connection:
            yield connection
            self.count -= 1
            last = self.count == 0
            self._die("before commit", last)
        self._die("after commit", last)

    def _die(self, moment: str, last: bool) -> None:
        if last and self.moment == moment:
            os.kill(os.getpid(), signal.SIGKILL)


class Free(BaseModel):
    """What a model says."""


class FreeModel:
    """A model whose provider never says what a call costs."""

    def __init__(self, ceiling: str) -> None:
        self._ceiling = Money.parse(ceiling)

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        return [self._ceiling]

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> ModelAnswer[Out]:
        usage = Usage() if seed % 2 else Usage.model_construct(cost="0.00 USD", input_tokens=9)  # past its validation
        return ModelAnswer(output=output(), model_used="free", seed=seed, usage=usage, duration_ms=1)


def say(**said: object) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def order(plan: Plan, key: str) -> SpendOrder:
    request = TransactionRequest(
        destination_wallet=plan.get("payee", "0xA"),
        token_amount=plan["amount"],
        purpose="reach",
        category=plan.get("category", "compute"),
    )
    named = {name: plan.get(name) for name in ("agent_id", "campaign_id", "task_id")}
    return SpendOrder(tenant_id=plan["tenant_id"], idempotency_key=key, request=request, **named)


async def spend(treasury: Treasury, plan: Plan, key: str) -> None:
    decided = await treasury.authorise(order(plan, key))
    answer = decided.answer
    mark = answer.budget_verification_hash if isinstance(answer, Authorization) else answer.error
    say(key=key, granted=decided.granted, id=str(decided.reservation_id), mark=mark)
    if not decided.granted or plan.get("then") is None:
        return
    ending = {"outcome": SpendOutcome.VOIDED} if plan["then"] == "void" else {"outcome": SpendOutcome.POSTED}
    paid = Decimal(plan["then"]) if plan["then"] not in ("void", "all") else None
    await treasury.close(Closing(reservation_id=decided.reservation_id, paid=paid, source="network", **ending))
    say(key=key, closed=str(decided.reservation_id))


async def squeeze(database: Database, plan: Plan) -> None:
    """Lower a limit again and again while others spend under it."""
    for amount in plan["squeeze"]:
        limit = Limit(span="total", amount=amount)
        try:
            async with database.transaction() as connection:
                tenant_id = UUID(plan["tenant_id"])
                await set_limits(connection, tenant_id, "tenant", str(tenant_id), [limit], "operator:me")
        except ChimeraError as error:
            say(refused=amount, why=error.detail)
        else:
            say(limit=amount)


async def think(treasury: Treasury, plan: Plan) -> None:
    """Ask a model that says its calls cost nothing."""
    task = Task.model_validate_json(plan["task"])
    model = MeteredModel(FreeModel(plan["amount"]), Meter(treasury, treasury))
    prompt = RenderedPrompt(name="p", version=1, sha256="0" * 64, text="Think.")
    for attempt in plan["attempts"]:
        try:
            await model.ask(task.model_copy(update={"attempt": attempt}), Role.WORKER, prompt, Free, seed=attempt)
        except ModelFailed as error:
            say(granted=False, why=error.detail)
        else:
            say(granted=True)


async def act(plan: Plan) -> None:
    database = Mortal(plan["url"], Access.SWARM, size=4)
    database.moment, database.count = plan.get("die") or ("", 0)
    await database.open()
    treasury = Treasury(database)
    say(ready=True)
    await asyncio.to_thread(sys.stdin.readline)
    width = asyncio.Semaphore(plan.get("width", 8))

    async def one(key: str) -> None:
        async with width:
            await spend(treasury, plan, key)

    if "squeeze" in plan:
        await squeeze(database, plan)
    elif "attempts" in plan:
        await think(treasury, plan)
    else:
        await asyncio.gather(*(one(key) for key in plan["keys"]))
    say(done=True)
    await database.close()


if __name__ == "__main__":
    asyncio.run(act(json.loads(sys.stdin.readline())))
