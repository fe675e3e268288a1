"""What operators do with the influencers' wallets: open, fund, read the chain, make a token, buy a resource (FIN-6)."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from pydantic import JsonValue, TypeAdapter

from chimera.contracts.errors import Invalid, NotFound
from chimera.contracts.payments import Movement
from chimera.contracts.ports import Tools
from chimera.contracts.values import Money
from chimera.contracts.views import WalletView
from chimera.stores.money.wallets import WalletStore
from chimera.stores.reads import ReadStore
from chimera.swarm.paying import WALLET

MOVEMENTS: TypeAdapter[list[Movement]] = TypeAdapter(list[Movement])
_PAGE = 200
_MOST_PAGES = 50


class WalletDesk:
    """Wallets as operators see them. Invalid when no chain is configured."""

    def __init__(self, tools: Tools, store: WalletStore, reads: ReadStore, funding: Collection[str]) -> None:
        self._tools = tools
        self._store = store
        self._reads = reads
        self._funding = funding

    async def show(self, tenant_id: UUID, persona: str) -> WalletView:
        """A wallet's address and what is in it, by the chain's own word; opened when it was not."""
        agent_id = await self._who(tenant_id, persona)
        answer = await self._tools.call(WALLET, "get_balance", {"account": _account(tenant_id, agent_id)})
        view = WalletView(agent_id=agent_id, persona=persona, **answer.data)
        await self._store.open(tenant_id, agent_id, view.address)
        return view

    async def fund(self, tenant_id: UUID, persona: str, amounts: Sequence[str]) -> WalletView:
        """Put money of the embedded chain's faucet into a wallet. Invalid on any other chain."""
        agent_id = await self._who(tenant_id, persona)
        await self.show(tenant_id, persona)
        for amount in amounts:
            Money.parse(amount)
            await self._tools.call(WALLET, "fund", {"account": _account(tenant_id, agent_id), "amount": amount})
        await self.sync(tenant_id, persona)
        return await self.show(tenant_id, persona)

    async def sync(self, tenant_id: UUID, persona: str) -> int:
        """Book what has come into a wallet since the chain was last read; how many movements were new."""
        agent_id = await self._who(tenant_id, persona)
        account, found = _account(tenant_id, agent_id), 0
        for _ in range(_MOST_PAGES):
            start = await self._store.next_block(tenant_id, agent_id)
            wanted: Mapping[str, JsonValue] = {"account": account, "from_block": start, "limit": _PAGE}
            answer = await self._tools.call(WALLET, "list_movements", wanted)
            movements = MOVEMENTS.validate_python(answer.data["movements"])
            following = int(str(answer.data["next_block"]))
            found += await self._store.book(tenant_id, agent_id, movements, following, self._funding)
            if following <= start or not movements:
                break
        return found

    async def _who(self, tenant_id: UUID, persona: str) -> UUID:
        if not self._tools.knows(WALLET, "get_balance"):
            raise Invalid("no chain is configured", remedy="Leave CHIMERA_WALLETS on, or set CHIMERA_CHAIN_URL.")
        agent_id = (await self._reads.payer(tenant_id, persona, None)).agent_id
        if agent_id is None:
            raise NotFound(f"no influencer has the persona {persona!r}")
        return agent_id


def _account(tenant_id: UUID, agent_id: UUID) -> str:
    return f"{tenant_id}:{agent_id}"
