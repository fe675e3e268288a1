"""The Publisher: one call for one grant, and a look at the platform before anything is done twice (PUB-1, PUB-2)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import JsonValue, ValidationError

from chimera.contracts.claims import Effect, Lease, Receipt
from chimera.contracts.errors import Invalid, NotFound, ToolFailed
from chimera.contracts.ports import Effects, Payer, Tools
from chimera.contracts.values import EffectStatus, Stage
from chimera.domain import publishing, retry
from chimera.swarm.faults import reach
from chimera.swarm.runtime import FollowUp, describe


class Publisher:
    """Handles effects."""

    stage = Stage.PUBLISH

    def __init__(self, effects: Effects, tools: Tools, paymaster: Payer | None = None) -> None:
        self._effects = effects
        self._tools = tools
        self._paymaster = paymaster

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[Effect]:
        """See `Trade.claim`."""
        return await self._effects.begin(leases, process_id)

    def label(self, item: Effect) -> tuple[UUID, str]:
        """See `Trade.label`."""
        return item.effect_id, str(item.task_id)

    def tries(self, item: Effect) -> int:
        """See `Trade.tries`. For the pause after it, reading back counts too."""
        return item.attempt if item.status is EffectStatus.UNKNOWN else item.tries

    async def handle(self, item: Effect) -> FollowUp:
        """See `Trade.handle`. What is paid by wallet is paid before the platform is asked for it."""
        reach("begun")
        paid: str | None = None
        unpaid: ToolFailed | None = None
        if item.reservation_id is not None and self._paymaster is not None:
            try:
                paid = await self._paymaster.pay(item.reservation_id, item.asset_id)
            except ToolFailed as error:
                if item.status is not EffectStatus.UNKNOWN or error.uncertain or not error.permanent:
                    raise
                unpaid = error  # for good; only whether the platform has it all the same is open
        if item.status is EffectStatus.UNKNOWN:
            receipt = await self._read_back(item)
            reach("read_back")
            if receipt is None and unpaid is not None:
                await self._effects.fail(item, unpaid.detail)
                return {}
            if receipt is None:
                await self._effects.retry(item, "the platform does not have it", datetime.now(UTC))
                return {}
        else:
            arguments = {**item.arguments, "idempotency_key": item.idempotency_key}
            if paid is not None and item.tool in publishing.PREPAID:
                arguments["payment_reference"] = paid
            answer = await self._tools.call(item.server, item.tool, arguments)
            receipt = _receipt(answer.data, item)
            reach("acted")
        released = await self._effects.finish(item, receipt)
        reach("finished")
        return {Stage.WORK: released}

    async def let_go(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """See `Trade.let_go`."""
        await self._effects.let_go(process_id, held, seconds)

    async def give_up(self, item: Effect, error: Exception, retry_at: datetime) -> None:
        """See `Trade.give_up`. What may have happened is never called failed."""
        cause = describe(error)
        if item.status is EffectStatus.UNKNOWN:
            await self._effects.doubt(item, cause, retry_at)
        elif isinstance(error, ToolFailed) and not error.uncertain:
            # A platform that is away is waited for as long as the grant holds: an approved piece is not its fault.
            if error.permanent or (retry.exhausted(item.tries) and not error.away):
                await self._effects.fail(item, cause)
            else:
                await self._effects.retry(item, cause, retry_at)
        elif isinstance(error, (Invalid, NotFound)):
            await self._effects.fail(item, cause)
        else:
            await self._effects.doubt(item, cause, datetime.now(UTC) + timedelta(seconds=1))

    async def _read_back(self, effect: Effect) -> Receipt | None:
        tool = publishing.READ_BACK.get(effect.server)
        if tool is None:
            raise ToolFailed(f"{effect.server} cannot be read back: a human has to look", uncertain=True)
        wanted: dict[str, JsonValue] = {
            "account": effect.arguments["account"],
            "idempotency_key": effect.idempotency_key,
        }
        answer = await self._tools.call(effect.server, tool, wanted)
        return _receipt(answer.data, effect) if answer.data.get("found") else None


def _receipt(data: dict[str, JsonValue], effect: Effect) -> Receipt:
    disclosure = "platform label" if effect.arguments.get("ai_label") else "in the profile"
    try:
        return Receipt.model_validate(
            {
                "kind": data.get("kind", effect.tool),
                "ids": data.get("ids", []),
                "url": data.get("url", ""),
                "created_at": data.get("created_at") or datetime.now(UTC),
                "content_hash": data.get("content_hash", ""),
                "disclosure": disclosure,
                "replayed": data.get("replayed", False),
            }
        )
    except ValidationError as error:
        # The call went through; only its answer cannot be read: that is doubt, not failure.
        raise ToolFailed(f"{effect.server} answered with something else than a receipt", uncertain=True) from error
