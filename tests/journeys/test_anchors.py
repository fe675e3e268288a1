"""What was sealed gets on the chain, once, and counts when it was read back: killed, raced, lied to (PRV-2)."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from pydantic import JsonValue
from tests.audit.logs import audit
from tests.failpoints import VARIABLE
from tests.house import House
from tests.journeys.fleet import Json, until, wire
from tests.journeys.paying import PASSPHRASE, Street, Till, killed, open_till, publisher

from chimera.audit.types import AnchorBatch
from chimera.errors import Conflict, ToolFailed
from chimera.gateways.mcp.host import ToolHost
from chimera.gateways.mcp.types import Precondition, ToolResult
from chimera.gateways.signing_keys import KeyFile
from chimera.roles.anchorer import Anchorer, AnchorTerms
from chimera.settings import Settings
from chimera.wiring import System, tool_servers
from chimera_devnet import chain_of, signer_of
from chimera_protocol.payments import ANCHOR_ACCOUNT, ANCHOR_MARK, WALLET

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOWHERE = "0x" + "ab" * 32


@asynccontextmanager
async def town(
    street: Street, own: Settings, raw: "asyncpg.Connection[asyncpg.Record]", **changes: Any
) -> AsyncIterator[Till]:
    """A till on a system that looks for what to anchor all the time."""
    system = wire(street.settings(own, anchor_every_seconds=0.1, **changes), street.host)
    await system.open()
    try:
        yield await open_till(system, raw, street)
    finally:
        await system.close()


@pytest_asyncio.fixture(loop_scope="session")
async def till(street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Till]:
    async with town(street, settings, raw) as made:
        yield made


async def sealed(till: Till) -> AnchorBatch:
    """Something to anchor: a piece was approved, and is in the log."""
    await till.approved_spend()
    await till.system.transparency.seal(till.system.log_key)
    batch = await till.system.transparency.due_anchor()
    assert batch is not None
    return batch


def notary(till: Till, tools: Any = None, confirmations: int = 1) -> Anchorer:
    """What a publisher has; many of them are many processes."""
    system = till.system
    terms = AnchorTerms(chain_id=31_337, max_fee="0.002 ETH", confirmations=confirmations)
    return Anchorer(system.transparency, system.cfo, tools or till.street.host, terms)


async def flags(till: Till) -> list[bool]:
    rows = await till.raw.fetch("SELECT on_chain_verification AS on_chain FROM provenance")
    return [row["on_chain"] for row in rows]


async def anchors(till: Till) -> list[Json]:
    return [dict(row) for row in await till.raw.fetch("SELECT * FROM log_anchor ORDER BY read_back_at")]


def ordered(street: Street, root: str = "") -> list[Json]:
    """The anchors that were ever signed, of this root."""
    found = [record for record in street.signed() if record["account"] == ANCHOR_ACCOUNT]
    return [record for record in found if root in ("", record["order"]["details"]["root"])]


async def carried(street: Street, tx_hash: str) -> Json:
    return await street.ask("eth_getTransactionByHash", tx_hash)


class Liar:
    """The wallet's tools, of which one has another transaction's hash in its answer."""

    def __init__(self, host: ToolHost, tx_hash: str) -> None:
        self._host = host
        self._tx_hash = tx_hash

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, JsonValue], last_look: Precondition | None = None
    ) -> ToolResult:
        answer = await self._host.call(server, tool, arguments, last_look)
        forged = {**answer.data, "tx_hash": self._tx_hash} if tool == "anchor" else answer.data
        return answer.model_copy(update={"data": forged})


async def test_a_published_piece_is_on_the_chain_once_its_anchor_was_read_back(till: Till) -> None:
    effect_id = await till.approved_spend()
    assert await flags(till) == [False]
    async with till.publishing():
        await until(lambda: flags(till), all)
        await till.reaches(effect_id, "done", "reconciled")
    first = (await anchors(till))[0]
    transaction = await carried(till.street, first["tx_hash"])
    assert bytes.fromhex(transaction["input"][2:]) == ANCHOR_MARK + first["batch_root"]
    assert transaction["from"] == transaction["to"] != till.address
    assert (int(transaction["value"], 16), int(transaction["blockNumber"], 16)) == (0, first["block"])
    await till.system.transparency.seal(till.system.log_key)
    report = await audit(till.system.transparency, till.tenant_id, till.system.log_key.public_key)
    assert (report.findings, report.anchors > 0) == ([], True)
    await till.paid_once(effect_id)


@pytest.mark.parametrize("point", ["anchor_ordered", "anchor_sent"])
async def test_a_publisher_killed_around_the_broadcast_leaves_one_anchor(
    till: Till, tmp_path: Path, point: str
) -> None:
    batch, marker = await sealed(till), tmp_path / "died"
    with publisher(till.system.settings, **{VARIABLE: f"{point}:{marker}"}) as process:
        await killed(process)
    assert (await flags(till), await anchors(till)) == ([False], [])
    sent = ordered(till.street)[-1] if point == "anchor_sent" else None
    with publisher(till.system.settings):
        await until(lambda: flags(till), all)
    first = (await anchors(till))[0]
    if sent is not None:
        root = sent["order"]["details"]["root"]
        assert (first["tx_hash"], first["batch_root"].hex()) == (sent["tx_hash"], root)
        assert len(ordered(till.street, root)) == 1
    counted = [each for each in await anchors(till) if each["size"] == first["size"]]
    assert len(counted) == 1
    assert await till.system.transparency.due_anchor(until=batch.sealed_until) is None


async def test_what_is_sealed_while_an_anchor_is_on_its_way_does_not_make_another_one_of_it(till: Till) -> None:
    """Three confirmations, and each look by another process."""
    batch = await sealed(till)
    assert await notary(till, confirmations=3).anchor() is False
    await till.authorise("7 USDC", "later")
    await till.system.transparency.seal(till.system.log_key)
    newer = await till.system.transparency.due_anchor()
    assert newer is not None and newer.root != batch.root
    await till.street.ask("chimera_fund", till.address, "1 USDC")
    assert await notary(till, confirmations=3).anchor() is False
    assert (await flags(till), len(ordered(till.street, batch.root))) == ([False], 1)
    await till.street.ask("chimera_fund", till.address, "1 USDC")
    assert await notary(till, confirmations=3).anchor() is True
    (first,) = await anchors(till)
    assert (await flags(till), first["batch_root"].hex()) == ([True], batch.root)
    assert await notary(till).anchor() is True
    assert [each["batch_root"].hex() for each in await anchors(till)] == [batch.root, newer.root]
    assert await notary(till).anchor() is False, "there is nothing left"


async def test_four_processes_at_once_make_one_anchor(till: Till) -> None:
    batch = await sealed(till)
    told = await asyncio.gather(*(notary(till).anchor() for _ in range(4)), return_exceptions=True)
    assert True in told
    refused = [each for each in told if isinstance(each, BaseException)]
    assert all(isinstance(each, ToolFailed) and "key_conflict" in each.detail for each in refused), refused
    assert (len(ordered(till.street, batch.root)), len(await anchors(till))) == (1, 1)
    assert await notary(till).anchor() is False


async def test_a_transaction_that_the_chain_does_not_have_marks_nothing(till: Till) -> None:
    await sealed(till)
    assert await notary(till, Liar(till.street.host, NOWHERE)).anchor() is False
    assert (await flags(till), await anchors(till)) == ([False], [])
    assert await notary(till).anchor() is True
    assert await flags(till) == [True]


async def test_a_transaction_with_another_root_marks_nothing(till: Till) -> None:
    await sealed(till)
    assert await notary(till).anchor() is True
    (first,) = await anchors(till)
    await till.authorise("7 USDC", "later")
    await till.system.transparency.seal(till.system.log_key)
    with pytest.raises(Conflict, match="something else"):
        await notary(till, Liar(till.street.host, first["tx_hash"])).anchor()
    assert len(await anchors(till)) == 1


async def test_another_database_on_the_same_signer_is_not_mistaken_for_this_one(till: Till) -> None:
    """As after a restore: the last order is of a log that this database does not have."""
    batch = await sealed(till)

    class Elsewhere:
        """The log, which knows no earlier batch."""

        async def due_anchor(self, limit: int = 1_000, until: datetime | None = None) -> AnchorBatch | None:
            return batch.model_copy(update={"root": "5a" * 32})

        async def anchored(self, *_: object, **__: object) -> int:
            raise AssertionError("it is not deep enough")

    system = till.system
    terms = AnchorTerms(chain_id=31_337, max_fee="0.002 ETH", confirmations=1_000)
    assert await Anchorer(Elsewhere(), system.cfo, till.street.host, terms).anchor() is False
    assert await notary(till).anchor() is True
    assert await flags(till) == [True]


async def post(till: Till) -> UUID:
    """An approved post, which costs nothing."""
    house = House(till.system, till.raw, till.tenant_id, till.nora, process_id=till.process_id)
    piece = await house.piece((await house.running(house.node("post"), name="post"))["post"], "Look up tonight.")
    wanted: Json = {"account": till.account, "text": "Look up tonight."}
    effect = house.effect(piece).model_copy(update={"arguments": wanted})
    assert (await house.commit(piece, effect=effect)).followed
    return effect.effect_id


async def test_while_the_chain_is_away_anchors_wait_and_nothing_else_does(
    street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with town(street, settings, raw) as till:
        await sealed(till)
        await till.system.close()
        away = till.system.settings.model_copy(update={"chain_url": "http://127.0.0.1:1"})
        host = ToolHost(tool_servers(away))
        till.system = System(away)
        till.system.__dict__["host"] = host
        await till.system.open()
        with pytest.raises(ToolFailed, match="cannot be reached"):
            await notary(till, host).anchor()
        effect_id, size = await post(till), (await till.system.transparency.checkpoint(till.tenant_id)).size
        async with till.publishing():
            assert (await till.reaches(effect_id, "done", "failed"))["status"] == "done"
            await until(lambda: till.system.transparency.checkpoint(till.tenant_id), lambda newest: newest.size > size)
        assert (any(await flags(till)), await anchors(till)) == (False, [])
        await till.system.close()
        till.system = wire(street.settings(settings, anchor_every_seconds=0.1), street.host)
        await till.system.open()
        async with till.publishing():
            await until(lambda: flags(till), all)
        await till.system.close()


async def test_the_account_is_filled_by_the_faucet_and_stays_the_installations_own(till: Till) -> None:
    await sealed(till)
    assert await notary(till).anchor() is True
    held = (await till.street.host.call(WALLET, "get_balance", {"account": ANCHOR_ACCOUNT})).data
    assert isinstance(held["balances"], dict) and Decimal(str(held["balances"]["ETH"])) > Decimal("0.9")
    page = (await till.street.host.call(WALLET, "list_movements", {"account": ANCHOR_ACCOUNT})).data
    assert page["movements"], "what filled it can be seen"
    await till.sound()


async def test_an_anchor_whose_block_the_chain_lost_is_not_counted_until_it_is_back(till: Till, tmp_path: Path) -> None:
    await sealed(till)
    given, place = till.system.settings, tmp_path / "lost"
    key = KeyFile(given.state / "keys" / "cfo.pem").public_key
    async with signer_of(place, cfo_key=key, chain_id=31_337, tokens={}, passphrase=PASSPHRASE) as socket:

        def wallet(url: str) -> ToolHost:
            own = {"chain_url": url, "signer_socket": socket, "chain_tokens": {}}
            return ToolHost(tool_servers(given.model_copy(update=own)))

        async def reading(host: ToolHost, tx_hash: str) -> Any:
            return (await host.call(WALLET, "read_anchor", {"tx_hash": tx_hash})).data["block"]

        async with chain_of(place) as (url, *_):
            host = wallet(url)
            assert await notary(till, host, confirmations=2).anchor() is False
            await host.close()
        journal = place / "chain" / "chain.jsonl"
        *kept, lost = journal.read_text("utf-8").splitlines(keepends=True)
        assert ANCHOR_MARK.hex() in lost
        journal.write_text("".join(kept), "utf-8")
        tx_hash = json.loads((place / "signer" / "signed.jsonl").read_text("utf-8"))["tx_hash"]
        async with chain_of(place) as (url, *_):
            host = wallet(url)
            assert await reading(host, tx_hash) is None
            assert await notary(till, host, confirmations=2).anchor() is False, "its bytes were sent again"
            assert await reading(host, tx_hash) is not None
            assert (await flags(till), await anchors(till)) == ([False], [])
            await host.call(WALLET, "fund", {"account": ANCHOR_ACCOUNT, "amount": "0.1 ETH"})
            assert await notary(till, host, confirmations=2).anchor() is True
            await host.close()
    (first,) = await anchors(till)
    assert (await flags(till), first["tx_hash"]) == ([True], tx_hash)
    assert len((place / "signer" / "signed.jsonl").read_text("utf-8").splitlines()) == 1
