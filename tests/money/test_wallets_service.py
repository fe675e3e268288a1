"""The wallets' desk: pages of the chain are read to the end, and nothing works without a chain."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
from tests.roles.fakes import FakeSigner, FakeTools
from tests.roles.treasuries import REFUSED, FakeTreasury

from chimera.gateways.mcp.types import ToolResult
from chimera.ids import new_id
from chimera.money.service.wallets import WalletService
from chimera.money.types.authorization import Decided
from chimera.money.types.views import Payer, WalletView
from chimera.roles.cfo import CfoJudge
from chimera.wiring import System
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.payments import WALLET, Movement, PaymentReceipt, PaymentStatus

TENANT, NORA = new_id(), new_id()
ADDRESS = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = {"name": "Quiet", "symbol": "QUIET", "supply": "1", "decimals": 0}


class Chain(FakeTools):
    """A wallet server on a chain of some blocks; a call looks through 200 of them, movements in them or not."""

    def __init__(self, head: int = 0, at: frozenset[int] = frozenset(), known: bool = True) -> None:
        super().__init__()
        self.head = head
        self.at = at
        self.known = known
        self.price = "0.05 USDC"
        self.free = False

    def knows(self, server: str, tool: str) -> bool:
        return self.known and server == WALLET

    async def call(self, server: str, tool: str, arguments: Any) -> ToolResult:
        answered = await super().call(server, tool, arguments)
        data: dict[str, Any] = {"address": ADDRESS, "balances": {"USDC": "1"}}
        if tool == "list_movements":
            start = arguments["from_block"]
            end = min(self.head + 1, start + 200)
            found = [self._movement(block).model_dump(mode="json") for block in sorted(self.at) if start <= block < end]
            data = {"movements": found, "next_block": max(start, end)}
        elif tool == "quote_fee":
            data = {"max_fee": "0.001 ETH"}
        elif tool == "quote_resource":
            data = {"free": self.free, "amount": self.price, "destination": ADDRESS}
        return answered.model_copy(update={"data": data})

    def _movement(self, block: int) -> Movement:
        return Movement(
            tx_hash=f"0x{block:064x}", log_index=0, block=block, sender=ADDRESS, recipient=ADDRESS, amount="1 USDC"
        )

    @property
    def asked(self) -> list[str]:
        return [tool for _, tool, _ in self.calls]


@dataclass
class Books:
    """Stands in for the wallets' store and the reads of the board."""

    start: int = 0
    opened: list[str] = field(default_factory=list)
    booked: list[Movement] = field(default_factory=list)
    persona: UUID | None = NORA

    async def payer(self, tenant_id: UUID, persona: str | None, campaign_id: UUID | None) -> Payer:
        return Payer(agent_id=self.persona)

    async def open(self, tenant_id: UUID, agent_id: UUID, address: str) -> None:
        self.opened.append(address)

    async def next_block(self, tenant_id: UUID, agent_id: UUID) -> int:
        return self.start

    async def book(self, tenant_id: UUID, agent_id: UUID, movements: list[Movement], start: int, funding: Any) -> int:
        self.booked += movements
        self.start = start
        return len(movements)


@dataclass
class Treasury(FakeTreasury):
    """A treasury that knows what it has answered."""

    async def answered(self, tenant_id: UUID, key: str) -> Decided | None:
        earlier = zip(self.orders, self.decided, strict=True)
        return next((decided for order, decided in earlier if order.idempotency_key == key), None)


@dataclass
class Paying:
    """Stands in for the Paymaster."""

    asked: list[UUID] = field(default_factory=list)

    async def deploy_token(self, reservation_id: UUID, details: Any) -> PaymentReceipt:
        self.asked.append(reservation_id)
        return PaymentReceipt(order_id=reservation_id, status=PaymentStatus.CONFIRMED)

    async def buy(self, reservation_id: UUID, url: str) -> dict[str, Any]:
        self.asked.append(reservation_id)
        return {"outcome": "delivered"}


def desk(
    chain: Chain, books: Books | None = None, treasury: Treasury | None = None, paying: Any = None
) -> WalletService:
    held, money = cast(Any, books or Books()), cast(Any, treasury or Treasury())
    return WalletService(chain, held, held, money, CfoJudge(money, FakeSigner()), paying, [ADDRESS])


async def test_showing_a_wallet_opens_it() -> None:
    books = Books()
    view = await desk(Chain(), books).show(TENANT, "Nora")
    assert view == WalletView(agent_id=NORA, persona="Nora", address=ADDRESS, balances={"USDC": "1"})
    assert books.opened == [ADDRESS]


@pytest.mark.parametrize(
    ("head", "at", "start"),
    [(0, {0}, 0), (1_000, {3, 199, 200, 777, 1_000}, 0), (1_000, {990}, 5), (1_000, set(), 0)],
    ids=["one block", "several pages", "quiet pages before", "nothing"],
)
async def test_the_chain_is_read_to_its_end_though_nothing_happened_for_long(
    head: int, at: set[int], start: int
) -> None:
    books = Books(start)
    assert await desk(Chain(head, frozenset(at)), books).sync(TENANT, "Nora") == len(at)
    assert [movement.block for movement in books.booked] == sorted(at)
    assert books.start == head + 1


async def test_reading_goes_on_later_when_there_is_too_much_of_it() -> None:
    books, chain = Books(), Chain(20_000, frozenset({15_000}))
    assert await desk(chain, books).sync(TENANT, "Nora") == 0
    assert books.start == 10_000
    assert await desk(chain, books).sync(TENANT, "Nora") == 1


async def test_a_token_asks_the_cfo_for_its_fee_once() -> None:
    chain, treasury, paying = Chain(), Treasury(), Paying()
    made = desk(chain, None, treasury, paying)
    first = await made.deploy_token(TENANT, "Nora", TOKEN, "k")
    assert first == await made.deploy_token(TENANT, "Nora", TOKEN, "k")
    (order,) = treasury.orders
    assert (order.agent_id, order.request.token_amount, order.request.category) == (NORA, "0.001 ETH", "tokens")
    assert order.request.destination_wallet == "chain"
    assert chain.asked.count("quote_fee") == 1
    await made.deploy_token(TENANT, "Nora", TOKEN, "fresh")
    assert len(treasury.orders) == 2


async def test_a_key_belongs_to_one_influencer() -> None:
    books, treasury, paying = Books(), Treasury(), Paying()
    made = desk(Chain(), books, treasury, paying)
    await made.deploy_token(TENANT, "Nora", TOKEN, "k")
    books.persona = new_id()
    await made.deploy_token(TENANT, "Olga", TOKEN, "k")
    assert [order.agent_id for order in treasury.orders] == [NORA, books.persona]
    assert len(set(paying.asked)) == 2


async def test_a_price_above_the_offer_never_reaches_the_cfo() -> None:
    treasury, paying = Treasury(), Paying()
    made = desk(Chain(), None, treasury, paying)
    for offer in ("0.04 USDC", "1 ETH"):
        refused = await made.buy(TENANT, "Nora", "https://x.test/a", offer, "k")
        assert getattr(refused, "error", None) == "Price above the offer"
    assert (treasury.orders, paying.asked) == ([], [])
    assert await made.buy(TENANT, "Nora", "https://x.test/a", "0.05 USDC", "k") == {"outcome": "delivered"}
    assert [order.request.destination_wallet for order in treasury.orders] == [ADDRESS]


async def test_what_the_cfo_refuses_is_not_paid_and_stays_refused_under_its_key() -> None:
    treasury, paying = Treasury(REFUSED), Paying()
    made = desk(Chain(), None, treasury, paying)
    for _ in range(2):
        assert await made.buy(TENANT, "Nora", "https://x.test/a", "1 USDC", "k") == REFUSED
        assert await made.deploy_token(TENANT, "Nora", TOKEN, "k") == REFUSED
    assert (len(treasury.orders), paying.asked) == (2, [])


async def test_a_free_resource_costs_nothing() -> None:
    chain, treasury = Chain(), Treasury()
    chain.free = True
    answer = await desk(chain, None, treasury, Paying()).buy(TENANT, "Nora", "https://x.test/a", "1 USDC", "k")
    assert cast(Any, answer)["free"]
    assert treasury.orders == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda desk: desk.show(TENANT, "Nora"),
        lambda desk: desk.fund(TENANT, "Nora", ["1 USDC"]),
        lambda desk: desk.sync(TENANT, "Nora"),
        lambda desk: desk.deploy_token(TENANT, "Nora", TOKEN, "k"),
        lambda desk: desk.buy(TENANT, "Nora", "https://x.test/a", "1 USDC", "k"),
    ],
    ids=["show", "fund", "sync", "token", "buy"],
)
async def test_without_a_chain_the_way_to_one_is_told(ask: Callable[[WalletService], Awaitable[object]]) -> None:
    with pytest.raises(Invalid, match="no chain is configured") as caught:
        await ask(desk(Chain(known=False)))
    assert "CHIMERA_CHAIN_URL" in caught.value.remedy


async def test_nobody_of_that_name_is_not_found(system: System) -> None:
    with pytest.raises(NotFound, match="no influencer"):
        await desk(Chain(), Books(persona=None)).show(TENANT, "Nobody")
    with pytest.raises(Invalid, match="no chain is configured"):
        await system.wallet_desk.show(TENANT, "Nora")
