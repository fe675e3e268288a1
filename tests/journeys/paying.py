"""What journeys of payments share: a chain with a signer, an influencer with a wallet, an effect that costs money."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
from eth_account import Account
from eth_account.signers.local import LocalAccount
from tests import failpoints
from tests.house import SOUL, House
from tests.journeys.fleet import EXAMPLES, ROOT, Json, promotions, until, wire

from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.gateways.mcp.host import ToolHost
from chimera.money.rules import evidence
from chimera.money.rules.evidence import Event
from chimera.money.types.limits import Limit
from chimera.money.types.messages import SpendOrder
from chimera.personas.types.policy import Policy
from chimera.publishing.types import EffectOrder
from chimera.review.types.messages import PendingReview
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System, tool_servers
from chimera.wiring.roles import serve
from chimera_protocol.money import EXPONENTS, Money

PASSPHRASE = "seven grey herons over the weir"
BOUND_S = 60.0
LIMITS = [Limit(span="day", amount="200 USDC"), Limit(span="day", amount="0.05 ETH")]
FUNDS = ("1000 USDC", "1 ETH")


def new_address() -> str:
    """Somebody on the chain whom nothing has been paid to yet."""
    return str(Account.create().address)


@dataclass
class Street:
    """A chain and a signer that all tests of payments share, and the MCP servers beside them."""

    given: Settings
    host: ToolHost = field(init=False)

    def __post_init__(self) -> None:
        self.host = ToolHost(tool_servers(self.given))

    def settings(self, own: Settings, **changes: Any) -> Settings:
        """The street's settings with a database and a Redis of the test's own."""
        own_services = {"database_url": own.database_url, "redis_url": own.redis_url, "wallet_passphrase": None}
        return self.given.model_copy(update={**own_services, "lease_seconds": 1.0, **changes})

    async def ask(self, method: str, *parameters: object) -> Json:
        """What the chain itself answers."""
        said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
            answer = (await client.post(str(self.given.chain_url), json=said)).json()
        assert "error" not in answer, answer
        return answer["result"]

    async def balance(self, address: str, currency: str) -> Decimal:
        """What an address has, by the chain's word."""
        if currency == "ETH":
            units = await self.ask("eth_getBalance", address, "latest")
        else:
            data = "0x70a08231" + address.removeprefix("0x").lower().rjust(64, "0")  # balanceOf(address)
            call = {"to": self.given.chain_tokens[currency], "data": data}
            units = await self.ask("eth_call", call, "latest")
        return Decimal(int(units, 16)).scaleb(-EXPONENTS[currency])

    async def sent(self, address: str) -> int:
        """How many transactions an address has had mined."""
        return int(await self.ask("eth_getTransactionCount", address, "latest"), 16)

    async def fee(self, tx_hash: str) -> Decimal:
        """What the chain really took for a transaction."""
        mined = await self.ask("eth_getTransactionReceipt", tx_hash)
        return Decimal(int(mined["gasUsed"], 16) * int(mined["effectiveGasPrice"], 16)).scaleb(-18)

    async def move(self, key: LocalAccount, recipient: str, amount: str) -> str:
        """Anybody with a key moves tokens, past Chimera; the transaction."""
        money = Money.parse(amount)
        units = int(money.amount.scaleb(EXPONENTS[money.currency]))
        data = "0xa9059cbb" + recipient[2:].lower().rjust(64, "0") + f"{units:064x}"  # transfer(address,uint256)
        said = {
            "chainId": self.given.chain_id,
            "nonce": await self.sent(key.address),
            "gas": 200_000,
            "maxFeePerGas": 10**11,
            "maxPriorityFeePerGas": 10**9,
            "to": self.given.chain_tokens[money.currency],
            "value": 0,
            "data": data,
        }
        return str(await self.ask("eth_sendRawTransaction", key.sign_transaction(said).raw_transaction.to_0x_hex()))

    async def stranger(self) -> LocalAccount:
        """Somebody with money of their own."""
        made: LocalAccount = Account.create()
        for amount in FUNDS:
            await self.ask("chimera_fund", made.address, amount)
        return made

    def signed(self) -> list[Json]:
        """Everything that the signer has ever signed."""
        lines = (self.given.state / "signer" / "signed.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]


@dataclass(kw_only=True)
class Till(House):
    """One influencer with money in her wallet; her spends reach the Publisher as approved effects."""

    street: Street
    account: str
    address: str = ""
    post_id: str = ""
    payee: str = field(default_factory=new_address)

    def order(self, amount: str = "50 USDC", key: str = "key", **places: Any) -> SpendOrder:
        given = super().order(amount, key, **places)
        request = given.request.model_copy(update={"destination_wallet": self.payee})
        return given.model_copy(update={"request": request})

    def effect(self, piece: PendingReview, **changes: Any) -> EffectOrder:
        parameters = piece.task.dispatch.tool_call.parameters
        arguments = {"account": self.account, "post_id": self.post_id, "token_amount": parameters["token_amount"]}
        return super().effect(piece, **changes).model_copy(update={"arguments": arguments})

    async def approved_spend(self, amount: str = "50 USDC") -> UUID:
        """An effect that its reservation has to be paid for; the Publisher's queue has it."""
        running = await self.running(self.node("spend", spend=amount), name=f"spend {uuid4().hex[:8]}")
        piece = await self.spend_piece(running["spend"], amount)
        assert piece.spend is not None and piece.spend.status == "authorized", piece.spend
        effect = self.effect(piece)
        assert (await self.commit(piece, effect=effect)).followed
        return effect.effect_id

    async def effect_row(self, effect_id: UUID) -> Json:
        return dict(await self.raw.fetchrow("SELECT * FROM effect WHERE effect_id = $1", effect_id) or {})

    async def reaches(self, effect_id: UUID, *statuses: str, patience: float = BOUND_S) -> Json:
        """The effect, once it is in one of these states."""
        return await until(lambda: self.effect_row(effect_id), lambda row: row["status"] in statuses, patience)

    async def reservations(self) -> list[Json]:
        """All transfers, oldest first, without what thinking costs."""
        query = "SELECT * FROM reservation WHERE tenant_id = $1 AND category <> 'compute' ORDER BY created_at"
        return [dict(row) for row in await self.raw.fetch(query, self.tenant_id)]

    async def payments(self) -> list[Json]:
        query = "SELECT * FROM payment WHERE tenant_id = $1 ORDER BY created_at"
        return [dict(row) for row in await self.raw.fetch(query, self.tenant_id)]

    async def actions(self) -> list[str]:
        query = "SELECT action FROM audit_event WHERE tenant_id = $1 ORDER BY event_id"
        return [row["action"] for row in await self.raw.fetch(query, self.tenant_id)]

    async def in_wallet(self, currency: str) -> Decimal:
        """What the books say is in the wallet."""
        query = """SELECT coalesce(sum(p.amount), 0) FROM ledger_posting p
            JOIN transaction_ledger USING (transaction_id)
            WHERE p.tenant_id = $1 AND p.account = $2 AND currency = $3"""
        return Decimal(await self.value(query, self.tenant_id, f"wallet:{self.nora.agent_id}", currency))

    async def sound(self) -> None:
        """The chain of evidence holds, every transaction sums to zero, and the books say what the chain says."""
        query = "SELECT tenant_id, sequence, hash, body FROM money_event WHERE tenant_id = $1 ORDER BY sequence"
        rows = await self.raw.fetch(query, self.tenant_id)
        assert evidence.check(Event(**{**dict(row), "body": json.loads(row["body"])}) for row in rows) == []
        assert await self.system.reads.unbalanced(self.tenant_id) == 0
        await self.system.wallet_desk.sync(self.tenant_id, "Nora")
        for currency in ("USDC", "ETH"):
            assert await self.in_wallet(currency) == await self.street.balance(self.address, currency), currency
        assert "wallet.unexpected_payment" not in await self.actions()

    async def paid_once(self, effect_id: UUID, amount: str = "50") -> None:
        """One transfer on the chain, one promotion, one posting with the chain's mark, and nothing left over."""
        effect = await self.effect_row(effect_id)
        assert effect["status"] in ("done", "reconciled"), effect
        assert await self.street.balance(self.payee, "USDC") == Decimal(amount)
        assert await self.street.sent(self.address) == 1
        spend, fee = await self.reservations()
        (payment,) = await self.payments()
        assert (payment["status"], spend["status"], fee["status"]) == ("confirmed", "posted", "posted")
        assert spend["reservation_id"] == effect["reservation_id"] == payment["reservation_id"]
        assert spend["reference"] == fee["reference"] == payment["tx_hash"]
        assert spend["paid"] == Decimal(amount)
        assert fee["paid"] == await self.street.fee(payment["tx_hash"]) > 0
        posted = "SELECT count(*) FROM transaction_ledger WHERE tenant_id = $1 AND entry = 'posted'"
        assert await self.value(posted, self.tenant_id) == 2
        assert promotions(self.system.settings.state / "social.db", self.account) == [f"{amount} USDC"]
        wanted = {"account": self.account, "idempotency_key": effect["idempotency_key"]}
        found = await self.street.host.call("twitter-mcp", "find_by_idempotency_key", wanted)
        assert found.data["payment_reference"] == payment["tx_hash"]
        await self.sound()

    async def nothing_spent(self, emptied: bool = False) -> None:
        """No money has reached the payee, and none is held back, neither for the payment nor for its fee."""
        await until(self.reservations, lambda rows: all(row["status"] != "pending" for row in rows), 10)
        if len(self.payee) == len(self.address):
            assert await self.street.balance(self.payee, "USDC") == 0
        assert {row["status"] for row in await self.reservations()} <= {"voided", "refused"}
        assert {row["status"] for row in await self.payments()} <= {"refused"}
        held = "SELECT coalesce(sum(reserved + spent), 0) FROM budget_counter WHERE tenant_id = $1"
        assert await self.value(held, self.tenant_id) == 0
        assert promotions(self.system.settings.state / "social.db", self.account) == []
        if not emptied:
            await self.sound()

    async def key(self) -> LocalAccount:
        """The wallet's private key, out of the keystore: what only the signer can otherwise do."""
        path = self.street.given.state / "signer" / "keys" / f"{self.tenant_id}_{self.nora.agent_id}.json"
        raw = await asyncio.to_thread(Account.decrypt, path.read_text("utf-8"), PASSPHRASE)
        found: LocalAccount = Account.from_key(raw)
        return found

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """A Publisher at work in this process."""
        stopping = asyncio.Event()
        serving = asyncio.create_task(serve(self.system, [Role.PUBLISHER], stopping))
        try:
            yield
        finally:
            stopping.set()
            await asyncio.wait_for(serving, 15)


async def open_till(
    system: System,
    raw: "asyncpg.Connection[asyncpg.Record]",
    street: Street,
    funds: tuple[str, ...] = FUNDS,
    limits: Sequence[Limit] = LIMITS,
) -> Till:
    """A tenant with one influencer, a post of hers to promote, and money in her wallet."""
    account = f"till_{uuid4().hex[:12]}"
    tenant_id = await system.accounts.open_tenant("till")
    await system.accounts.set_policy(tenant_id, Policy(limits=list(limits)), "operator:me")
    nora = await system.accounts.import_persona(tenant_id, SOUL.replace("account: nora", f"account: {account}"), "me")
    till = Till(system, raw, tenant_id, nora, street=street, account=account)
    await system.fleet.mark(ProcessHeartbeat(process_id=till.process_id, role=Role.WORKER, host="here", pid=1))
    given: Json = {"account": account, "text": "Look up tonight.", "ai_label": True, "idempotency_key": uuid4().hex}
    till.post_id = str((await street.host.call("twitter-mcp", "post_tweet", given)).data["ids"][0])
    till.address = (await system.wallet_desk.show(tenant_id, "Nora")).address
    if funds:
        await system.wallet_desk.fund(tenant_id, "Nora", funds)
    return till


@asynccontextmanager
async def till_on(
    street: Street,
    own: Settings,
    raw: "asyncpg.Connection[asyncpg.Record]",
    *,
    funds: tuple[str, ...] = FUNDS,
    limits: Sequence[Limit] = LIMITS,
) -> AsyncIterator[Till]:
    """A till on a system of its own."""
    system = wire(street.settings(own), street.host)
    await system.open()
    try:
        yield await open_till(system, raw, street, funds, limits)
    finally:
        await system.close()


@contextmanager
def publisher(settings: Settings, **environment: str) -> "Iterator[subprocess.Popen[bytes]]":
    """A publisher as the process that it really is; what it says is kept under the state folder."""
    with (settings.state / "publisher.log").open("ab") as out:
        process = subprocess.Popen(
            [*failpoints.command("chimera.cli.server_commands"), "work", "publisher"],
            cwd=ROOT,
            env={**settings.environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)


async def killed(process: "subprocess.Popen[bytes]") -> None:
    """Wait for the end that a fault point has brought about."""
    assert await asyncio.to_thread(process.wait, BOUND_S) == -signal.SIGKILL


def street_settings(state: Path, **given: Any) -> Settings:
    """Settings of a street before its services have filled in the addresses."""
    return Settings(state=state, feeds=EXAMPLES / "feeds" / "feeds.yaml", **given)
