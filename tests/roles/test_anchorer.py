"""The Notary's turns: what it goes on with, what it orders, what it waits for; and a loop that nothing ends (PRV-2)."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import JsonValue
from tests.roles.fakes import FakeSigner, FakeTools
from tests.roles.treasuries import FakeTreasury

from chimera.audit.types import AnchorBatch, Batched
from chimera.errors import ToolFailed, Unavailable
from chimera.gateways.mcp.types import Precondition, ToolResult
from chimera.ids import new_id
from chimera.roles.anchorer import Anchorer, AnchorTerms
from chimera.roles.cfo import CfoJudge
from chimera.roles.consumer import run_anchorer
from chimera_protocol.payments import ANCHOR_ACCOUNT, ANCHOR_MARK, PaymentAction, PaymentOrder

HASH = "0x" + "a" * 64
OWN = "0x52908400098527886E0F7030069857D2E4169EE7"
TERMS = AnchorTerms(chain_id=31_337, max_fee="0.002 ETH", confirmations=12)


@dataclass
class FakeLog:
    """A log with one batch that waits, until it is marked."""

    root: str = "5a" * 32
    marked: list[tuple[str, bytes, int, str, int]] = field(default_factory=list)

    async def due_anchor(self, limit: int = 1_000, until: datetime | None = None) -> AnchorBatch | None:
        if self.marked:
            return None
        checkpoint = Batched(tenant_id=new_id(), size=1, path=[])
        return AnchorBatch(root=self.root, sealed_until=datetime(2026, 1, 1, tzinfo=UTC), checkpoints=[checkpoint])

    async def anchored(self, batch: AnchorBatch, read_back: bytes, *, chain_id: int, tx_hash: str, block: int) -> int:
        self.marked.append((batch.root, read_back, chain_id, tx_hash, block))
        return 1


class Wallet(FakeTools):
    """A wallet server and the chain behind it."""

    def __init__(self, *, depth: int = 12, balance: str = "0.5", faucet: bool = True, **reading: JsonValue) -> None:
        super().__init__()
        self.depth, self.balance, self.faucet, self.reading = depth, balance, faucet, reading
        self.orders: list[dict[str, Any]] = []

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        answered = await super().call(server, tool, arguments, last_look)
        if tool == "fund" and not self.faucet:
            raise ToolFailed("invalid: this chain does not fund wallets", uncertain=False, permanent=True)
        if tool == "anchor" and arguments not in self.orders:
            self.orders.append(dict(arguments))
        return answered.model_copy(update={"data": self._answer(tool)})

    def _answer(self, tool: str) -> dict[str, JsonValue]:
        last = self.orders[-1] if self.orders else {"order": None, "signature": ""}
        match tool:
            case "last_order":
                return {"order": last["order"], "signature": last["signature"]}
            case "get_balance":
                return {"address": OWN, "balances": {"ETH": self.balance}}
            case "anchor":
                return {"order_id": last["order"]["order_id"], "status": "pending", "tx_hash": HASH}
            case "read_anchor":
                data = (ANCHOR_MARK + b"\x5a" * 32).hex()
                found: dict[str, JsonValue] = {"tx_hash": HASH, "chain_id": 31_337, "block": 7, "data": data}
                return {**found, "confirmations": self.depth, **self.reading}
        return {}

    @property
    def asked(self) -> list[str]:
        return [tool for _, tool, _ in self.calls]


def notary(log: FakeLog, wallet: Wallet) -> Anchorer:
    return Anchorer(log, CfoJudge(FakeTreasury(), FakeSigner()), wallet, TERMS)


async def test_an_anchor_is_ordered_from_the_account_to_itself_within_its_fee_and_marked() -> None:
    log, wallet = FakeLog(), Wallet()
    assert await notary(log, wallet).anchor() is True
    assert wallet.asked == ["last_order", "get_balance", "anchor", "read_anchor"]
    order = PaymentOrder.model_validate(wallet.orders[0]["order"])
    assert (order.account, order.destination, order.action) == (ANCHOR_ACCOUNT, OWN, PaymentAction.ANCHOR)
    assert (order.amount, order.max_fee, order.chain_id) == ("0.002 ETH", "0.002 ETH", 31_337)
    assert order.details == {"root": "5a" * 32, "sealed_until": "2026-01-01T00:00:00Z"}
    assert log.marked == [("5a" * 32, b"\x5a" * 32, 31_337, HASH, 7)]
    assert await notary(log, wallet).anchor() is False


async def test_what_is_on_its_way_is_gone_on_with_as_it_was_signed() -> None:
    log, wallet = FakeLog(), Wallet(depth=11)
    assert [await notary(log, wallet).anchor() for _ in range(3)] == [False] * 3
    assert (len(wallet.orders), wallet.asked.count("get_balance"), log.marked) == (1, 1, [])
    wallet.depth = 12
    assert await notary(log, wallet).anchor() is True
    assert len(wallet.orders) == 1


async def test_each_order_follows_from_the_one_before_it() -> None:
    log, wallet = FakeLog(), Wallet(depth=1)
    for root in ("5a" * 32, "6b" * 32):
        log.root = root
        await notary(log, wallet).anchor()
    again, other = Wallet(depth=1), FakeLog(root="7c" * 32)
    await notary(other, again).anchor()
    ids = [PaymentOrder.model_validate(given["order"]).order_id for given in [*wallet.orders, *again.orders]]
    assert (ids[0] == ids[2], ids[0] != ids[1]) == (True, True)


@pytest.mark.parametrize("faucet", [True, False])
async def test_a_low_account_is_filled_where_there_is_a_faucet_and_tried_all_the_same(faucet: bool) -> None:
    log, wallet = FakeLog(), Wallet(balance="0.0019", faucet=faucet)
    assert await notary(log, wallet).anchor() is True
    assert wallet.asked[:4] == ["last_order", "get_balance", "fund", "anchor"]


@pytest.mark.parametrize(
    ("reading", "error"),
    [
        ({"block": None, "confirmations": 0, "data": ""}, None),
        ({"confirmations": 0}, None),
        ({"chain_id": 1}, "reads chain 1"),
        ({"data": "xyz"}, "cannot be read"),
    ],
)
async def test_what_was_not_read_back_is_not_marked(reading: dict[str, JsonValue], error: str | None) -> None:
    log, wallet = FakeLog(), Wallet(**reading)
    if error is None:
        assert await notary(log, wallet).anchor() is False
    else:
        with pytest.raises(ToolFailed, match=error):
            await notary(log, wallet).anchor()
    assert log.marked == []


async def test_nothing_ends_the_loop_but_its_end() -> None:
    stopping, calls = asyncio.Event(), 0

    class Fragile:
        async def anchor(self) -> bool:
            nonlocal calls
            calls += 1
            if calls == 3:
                stopping.set()
            raise (Unavailable("away"), ValueError("a bug"), ToolFailed("no", uncertain=False))[calls - 1]

    async with asyncio.timeout(10):
        await run_anchorer(Fragile(), 0.01, stopping)
    assert calls == 3
