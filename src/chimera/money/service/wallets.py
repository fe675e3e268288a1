"""What operators do with the influencers' wallets: open, fund, read the chain, make a token, buy a resource (FIN-6)."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera.gateways.mcp.types import Tools
from chimera.money.ports import Cfo
from chimera.money.reads import MoneyReads
from chimera.money.rules import budget
from chimera.money.rules.payments import account
from chimera.money.service.paymaster import CHAIN, Paymaster, quote_fee
from chimera.money.service.payments import PaymentService
from chimera.money.service.treasury import Treasury
from chimera.money.types.authorization import Decided, PolicyViolation, TransactionRequest
from chimera.money.types.messages import SpendOrder
from chimera.money.types.views import WalletView
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.money import Money
from chimera_protocol.payments import WALLET, Movement, PaymentAction, PaymentReceipt

MOVEMENTS: TypeAdapter[list[Movement]] = TypeAdapter(list[Movement])
_PAGE = 200
_MOST_PAGES = 50
_REMEDY = "Leave CHIMERA_WALLETS on, or set CHIMERA_CHAIN_URL."


class WalletService:
    """Wallets as operators see them. Invalid when no chain is configured."""

    def __init__(
        self,
        tools: Tools,
        store: PaymentService,
        reads: MoneyReads,
        treasury: Treasury,
        cfo: Cfo,
        paymaster: Paymaster | None,
        funding: Collection[str],
    ) -> None:
        self._tools = tools
        self._store = store
        self._reads = reads
        self._treasury = treasury
        self._cfo = cfo
        self._paymaster = paymaster
        self._funding = funding

    async def show(self, tenant_id: UUID, persona: str) -> WalletView:
        """A wallet's address and what is in it, by the chain's own word; opened when it was not."""
        agent_id = await self._who(tenant_id, persona)
        answer = await self._tools.call(WALLET, "get_balance", {"account": account(tenant_id, agent_id)})
        view = WalletView(agent_id=agent_id, persona=persona, **answer.data)
        await self._store.open(tenant_id, agent_id, view.address)
        return view

    async def fund(self, tenant_id: UUID, persona: str, amounts: Sequence[str]) -> WalletView:
        """Put money of the embedded chain's faucet into a wallet. Invalid on any other chain."""
        agent_id = await self._who(tenant_id, persona)
        await self.show(tenant_id, persona)
        for amount in amounts:
            Money.parse(amount)
            await self._tools.call(WALLET, "fund", {"account": account(tenant_id, agent_id), "amount": amount})
        await self.sync(tenant_id, persona)
        return await self.show(tenant_id, persona)

    async def sync(self, tenant_id: UUID, persona: str) -> int:
        """Book what has come into a wallet since the chain was last read; how many movements were new."""
        agent_id = await self._who(tenant_id, persona)
        name, found = account(tenant_id, agent_id), 0
        for _ in range(_MOST_PAGES):
            start = await self._store.next_block(tenant_id, agent_id)
            wanted: Mapping[str, JsonValue] = {"account": name, "from_block": start, "limit": _PAGE}
            answer = await self._tools.call(WALLET, "list_movements", wanted)
            movements = MOVEMENTS.validate_python(answer.data["movements"])
            following = int(str(answer.data["next_block"]))
            found += await self._store.book(tenant_id, agent_id, movements, following, self._funding)
            if following <= start:
                break
        return found

    async def deploy_token(
        self, tenant_id: UUID, persona: str, details: Mapping[str, JsonValue], key: str
    ) -> PaymentReceipt | PolicyViolation:
        """Make a token in an influencer's name. The chain's fee is a spend like any other."""
        agent_id = await self._who(tenant_id, persona)
        own = (await self.show(tenant_id, persona)).address
        mark = f"token-{agent_id}-{key}"
        known = await self._treasury.answered(tenant_id, mark)
        if known is None:
            action, given = PaymentAction.DEPLOY_TOKEN, dict(details)
            fee = await quote_fee(self._tools, account(tenant_id, agent_id), action, own, "0.000001 ETH", given)
            purpose = f"token {details.get('symbol')}: {details.get('name')}"
            decided = await self._authorise(tenant_id, agent_id, mark, CHAIN, fee, purpose, "tokens")
        else:
            decided = known
        if isinstance(decided.answer, PolicyViolation):
            return decided.answer
        return await self._needed().deploy_token(decided.reservation_id, dict(details))

    async def buy(
        self, tenant_id: UUID, persona: str, url: str, at_most: str, key: str
    ) -> Mapping[str, JsonValue] | PolicyViolation:
        """Pay for an HTTP resource (x402). A price above `at_most` or a limit is refused before any signature."""
        agent_id = await self._who(tenant_id, persona)
        mark = f"resource-{agent_id}-{key}"
        known = await self._treasury.answered(tenant_id, mark)
        if known is None:
            quote = (await self._tools.call(WALLET, "quote_resource", {"url": url})).data
            if quote.get("free"):
                return quote
            price, seller = str(quote["amount"]), str(quote["destination"])
            over = budget.above(Money.parse(price), Money.parse(at_most))
            if over is not None:
                return over
            purpose = f"resource {url}"[:500]
            decided = await self._authorise(tenant_id, agent_id, mark, seller, price, purpose, "resources")
        else:
            decided = known
        if isinstance(decided.answer, PolicyViolation):
            return decided.answer
        return await self._needed().buy(decided.reservation_id, url)

    async def _authorise(
        self, tenant_id: UUID, agent_id: UUID, key: str, payee: str, amount: str, purpose: str, category: str
    ) -> Decided:
        order = SpendOrder(
            tenant_id=tenant_id,
            agent_id=agent_id,
            campaign_id=None,
            task_id=None,
            idempotency_key=key,
            request=TransactionRequest(
                destination_wallet=payee, token_amount=amount, purpose=purpose, category=category
            ),
        )
        return await self._cfo.authorise(order)

    def _needed(self) -> Paymaster:
        if self._paymaster is None:
            raise Invalid("no chain is configured", remedy=_REMEDY)
        return self._paymaster

    async def _who(self, tenant_id: UUID, persona: str) -> UUID:
        if not self._tools.knows(WALLET, "get_balance"):
            raise Invalid("no chain is configured", remedy=_REMEDY)
        agent_id = (await self._reads.payer(tenant_id, persona, None)).agent_id
        if agent_id is None:
            raise NotFound(f"no influencer has the persona {persona!r}")
        return agent_id
