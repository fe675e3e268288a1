"""The Publisher: one call for one grant, and a look at the platform before anything is done twice (PUB-1, PUB-2)."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from pydantic import JsonValue

from chimera import retry
from chimera.errors import Halted, ToolFailed
from chimera.gateways.mcp.types import Tools
from chimera.media.ports import AssetStore
from chimera.media.types import Altered
from chimera.money.ports import WalletPayer
from chimera.publishing.ports import Effects
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import Effect, Receipt
from chimera.roles.consumer import describe
from chimera.roles.receipts import ReceiptReader, parts_of, receipt_of, texts_of
from chimera.roles.task_handler import patient
from chimera.tasks.types.messages import Lease
from chimera.values import EffectStatus, Stage
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.failpoint import failpoint

_ASK_AFTER = 10
"""Looks at a platform that do not tell; then a human is asked too, while we go on looking."""

_FRESH_SECONDS = 0.5
"""How old the last look may be when the call goes out: what is halted meanwhile is out at most that much later."""


class ReadBackFailed(ToolFailed):
    """Nobody but a human can find out whether it happened; `detail` is what to ask."""

    def __init__(self, question: str) -> None:
        super().__init__(question, uncertain=True, permanent=True)


class Publisher:
    """Handles effects."""

    stage = Stage.PUBLISH

    def __init__(
        self, effects: Effects, tools: Tools, paymaster: WalletPayer | None = None, shelf: AssetStore | None = None
    ) -> None:
        self._effects = effects
        self._tools = tools
        self._paymaster = paymaster
        self._shelf = shelf
        self._reader = ReceiptReader(tools)

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[Effect]:
        """Take hold of the effects that are due and still covered by their grants."""
        return await self._effects.begin(leases, process_id)

    def label(self, item: Effect) -> tuple[UUID, str]:
        """The effect's id, and its task's id for logs and traces."""
        return item.effect_id, str(item.task_id)

    def tries(self, item: Effect) -> int:
        """How often it has been tried, this time included. For the pause after it, reading back counts too."""
        return item.attempt if item.status is EffectStatus.UNKNOWN else item.tries

    async def handle(self, item: Effect) -> None:
        """Carry an effect out, or read back whether it was, and record the receipt. What is paid by wallet is paid
        before the platform is asked for it."""
        failpoint("begun")
        paid: str | None = None
        unpaid: ToolFailed | None = None
        if item.reservation_id is not None and self._paymaster is not None:
            await self._look(item)
            try:
                paid = await self._paymaster.pay(item.reservation_id, item.asset_id)
            except ToolFailed as error:
                if item.status is not EffectStatus.UNKNOWN or error.uncertain or not error.permanent:
                    raise
                unpaid = error  # for good; only whether the platform has it all the same is open
        if item.status is EffectStatus.UNKNOWN:
            found = await self._read_back(item)
            failpoint("read_back")
            if found is None and unpaid is not None:
                await self._effects.fail(item, unpaid.detail)
                return
            if found is None:
                await self._effects.retry(item, "the platform does not have it", datetime.now(UTC))
                return
        else:
            found = await self._act(item, paid)
            failpoint("acted")
        receipt = await self._complete(item, found)
        await self._effects.finish(item, receipt)
        failpoint("finished")

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Doubt what was begun longer ago than that and is not held."""
        await self._effects.release_lost_claims(process_id, held, seconds)

    async def on_failure(self, item: Effect, error: Exception, retry_at: datetime) -> None:
        """Try it again, read it back later, ask a human, or give it up. What may have happened never fails."""
        cause = describe(error)
        retry_at = patient(error, retry_at)
        if isinstance(error, ReadBackFailed):
            await self._effects.ask(item, cause, None)
        elif item.status is EffectStatus.UNKNOWN and item.attempt >= _ASK_AFTER:
            await self._effects.ask(item, f"Is it out? {item.server} does not tell: {cause}", retry_at)
        elif item.status is EffectStatus.UNKNOWN:
            await self._effects.mark_unknown(item, cause, retry_at)
        elif isinstance(error, Halted):
            await self._effects.retry(item, cause, retry_at)
        elif isinstance(error, ToolFailed) and not error.uncertain:
            # A platform that is away is waited for as long as the grant holds: an approved piece is not its fault.
            if error.permanent or (retry.exhausted(item.tries) and not error.away):
                await self._effects.fail(item, cause)
            else:
                await self._effects.retry(item, cause, retry_at)
        elif isinstance(error, (Invalid, NotFound, Altered)):
            await self._effects.fail(item, cause)
        else:
            await self._effects.mark_unknown(item, cause, datetime.now(UTC) + timedelta(seconds=1))

    async def _act(self, effect: Effect, paid: str | None) -> Receipt:
        arguments = {**effect.arguments, "idempotency_key": effect.idempotency_key}
        if paid is not None and effect.tool in publishing.PREPAID:
            arguments["payment_reference"] = paid
        if "media" in arguments:
            arguments["media"] = await self._lent(arguments["media"])
        answer = await self._tools.call(effect.server, effect.tool, arguments, partial(self._look, effect))
        return receipt_of(answer.data, effect)

    async def _look(self, effect: Effect) -> None:
        """The last look, and another one when this process stood still over it."""
        looked = float("-inf")
        while time.monotonic() - looked >= _FRESH_SECONDS:
            looked = time.monotonic()
            await self._effects.clear(effect)
            failpoint("cleared")

    async def _lent(self, media: JsonValue) -> list[JsonValue]:
        if self._shelf is None or not isinstance(media, list):
            raise Invalid("there is no asset store to take the files from")
        lent: list[JsonValue] = []
        for item in media:
            if isinstance(item, dict):
                lent.append({**item, "uri": await self._shelf.export_copy(str(item.get("uri")))})
        return lent

    async def _read_back(self, effect: Effect) -> Receipt | None:
        way = self._tools.platform(effect.server).read_back
        # Where only texts can be compared, what has none would never be found, and so be done once more.
        if way is None or (way.by == "content" and not texts_of(effect)):
            raise ReadBackFailed(
                f"Is it out? {effect.server} cannot be read back, and the call had no answer ({effect.tool},"
                f" key {effect.idempotency_key}). Look at the account {effect.arguments.get('account')}."
            )
        return await self._reader.find(effect, way)

    async def _complete(self, effect: Effect, begun: Receipt) -> Receipt:
        """The rest of a thread of which the platform took only the beginning: what is out is not said again."""
        wanted = parts_of(effect)
        receipt = begun
        while len(receipt.ids) < len(wanted):
            told = f"{len(receipt.ids)} of {len(wanted)} posts of the thread are out"
            try:
                receipt = await self._add_part(effect, receipt, wanted[len(receipt.ids)])
            except Halted as error:
                raise ToolFailed(f"{told}; {error.detail}", uncertain=True) from error
            except ToolFailed as error:
                if error.permanent and not error.uncertain:
                    question = (
                        f"{told}, and the rest is refused: {error.detail} Does the beginning stand by itself"
                        " (it_happened)? Is it taken down (give_up)? Or shall the rest be tried once more (look_again)?"
                    )
                    raise ReadBackFailed(question) from error
                raise ToolFailed(f"{told}: {error.detail}", uncertain=True, pause=error.pause) from error
        return receipt

    async def _add_part(self, effect: Effect, receipt: Receipt, text: str) -> Receipt:
        platform = self._tools.platform(effect.server)
        if platform.thread_part is None:
            raise ToolFailed(f"{effect.server} adds nothing to a thread.", uncertain=False, permanent=True)
        arguments: dict[str, JsonValue] = {
            **publishing.label(platform),
            "account": effect.arguments["account"],
            "text": text,
            "in_reply_to": receipt.ids[-1],
            "idempotency_key": publishing.part_key(effect.idempotency_key, len(receipt.ids)),
        }
        answer = await self._tools.call(effect.server, platform.thread_part, arguments, partial(self._look, effect))
        more = receipt_of(answer.data, effect)
        failpoint("part_acted")
        return receipt.model_copy(update={"ids": [*receipt.ids, *more.ids[:1]]})
