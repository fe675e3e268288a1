"""Payments through the wallet's tools, on every chain at hand."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak
from mcp import Client
from mcp_types import CallToolResult, TextContent

from chimera_protocol.payments import Movement, PaymentReceipt, PaymentStatus
from chimera_wallet.ledger import ChainView
from chimera_wallet.payments import Wallet
from chimera_wallet.rpc import Rpc
from chimera_wallet.server import build_server
from chimera_wallet.signing import SignerClient

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"


class Desk:
    """The wallet's tools over one chain and one signer, and a CFO who signs what is asked."""

    def __init__(self, wallet: Wallet, node, signer, cfo) -> None:
        self.server, self.node, self.signer, self.cfo = build_server(wallet), node, signer, cfo

    async def answer(self, tool: str, arguments: dict[str, object]) -> CallToolResult:
        async with Client(self.server) as client:
            return await client.call_tool(tool, arguments, read_timeout_seconds=30)

    async def call(self, tool: str, **arguments: object) -> dict[str, object]:
        result = await self.answer(tool, arguments)
        assert not result.is_error, result.content
        assert isinstance(result.structured_content, dict)
        return result.structured_content

    async def refusal(self, tool: str, **arguments: object) -> str:
        result = await self.answer(tool, arguments)
        assert result.is_error, result.structured_content
        assert isinstance(result.content[0], TextContent)
        return result.content[0].text

    def order(self, account: str, **changed: object) -> dict[str, object]:
        order = self.cfo.order(account, **changed)
        return {"order": order, "signature": self.cfo.sign(order)}

    async def pay(self, ordered: dict[str, object], tool: str = "transfer") -> PaymentReceipt:
        return PaymentReceipt.model_validate(await self.call(tool, **ordered))

    async def funded(self, account: str, *money: str) -> str:
        address = str((await self.call("get_address", account=account))["address"])
        for sum_ in money:
            await asyncio.to_thread(self.node.fund, address, sum_)
        return address


def opened(node, signer, cfo, **settings: object) -> Desk:
    chain = ChainView(Rpc(node.url), {"USDC": node.token})
    return Desk(Wallet(chain, SignerClient(signer.socket), **settings), node, signer, cfo)


@pytest.fixture(scope="module")
def signer(node, new_signer):
    return new_signer(node.token)


@pytest.fixture
def desk(node, signer, cfo) -> Desk:
    return opened(node, signer, cfo)


async def test_an_order_is_paid_to_the_last_unit_and_found_again(desk: Desk, account: str) -> None:
    before = desk.node.balance(FRIEND, desk.node.token)
    address = await desk.funded(account, "100 USDC", "1 ETH")
    ordered = desk.order(account, amount="12.345678 USDC")
    receipt = await desk.pay(ordered)
    assert receipt.status is PaymentStatus.CONFIRMED
    assert receipt.explanation == ""
    assert desk.node.balance(FRIEND, desk.node.token) - before == 12_345_678
    balance = await desk.call("get_balance", account=account)
    assert balance["address"] == address
    assert balance["balances"]["USDC"] == "87.654322"
    assert await desk.pay(ordered) == receipt
    assert await desk.call("find_payment", order_id=ordered["order"]["order_id"]) == receipt.model_dump(mode="json")
    assert desk.node.number("eth_getTransactionCount", address, "latest") == 1


async def test_the_chains_own_coin_is_paid_and_the_fee_is_told(desk: Desk, account: str) -> None:
    address = await desk.funded(account, "1 ETH")
    receipt = await desk.pay(desk.order(account, amount="0.25 ETH"))
    assert receipt.status is PaymentStatus.CONFIRMED
    assert receipt.fee is not None
    spent = 10**18 - desk.node.balance(address)
    wei = int(receipt.fee.removesuffix(" ETH").replace(".", "").ljust(19, "0")) if receipt.fee.startswith("0.") else 0
    assert spent == 25 * 10**16 + wei


async def test_eight_calls_with_one_order_are_one_transaction(desk: Desk, account: str) -> None:
    address = await desk.funded(account, "100 USDC", "1 ETH")
    ordered = desk.order(account)
    receipts = await asyncio.gather(*(desk.pay(ordered) for _ in range(8)))
    assert {receipt.tx_hash for receipt in receipts} == {receipts[0].tx_hash}
    assert {receipt.status for receipt in receipts} == {PaymentStatus.CONFIRMED}
    assert desk.node.number("eth_getTransactionCount", address, "latest") == 1


async def test_two_orders_at_once_both_go_through(desk: Desk, account: str) -> None:
    await desk.funded(account, "100 USDC", "1 ETH")
    receipts = await asyncio.gather(*(desk.pay(desk.order(account, amount=f"{n} USDC")) for n in (1, 2)))
    assert {receipt.status for receipt in receipts} == {PaymentStatus.CONFIRMED}
    assert (await desk.call("get_balance", account=account))["balances"]["USDC"] == "97"


@pytest.mark.parametrize(
    ("funds", "changed", "said"),
    [
        (["5 USDC", "1 ETH"], {}, "invalid: insufficient_funds: "),
        (["50 USDC"], {}, "invalid: insufficient_funds: "),
        (["0.1 ETH"], {"amount": "0.1 ETH"}, "invalid: insufficient_funds: "),
        (["50 USDC", "1 ETH"], {"max_fee": "0.000000001 ETH"}, "unavailable: fee_too_high"),
        (["50 USDC", "1 ETH"], {"max_fee": None}, "invalid: an order for a transaction names its max_fee"),
        (["50 USDC", "1 ETH"], {"destination": "0x1234567890abcdef"}, "invalid: destination"),
        (["50 USDC", "1 ETH"], {"destination": FRIEND.lower().replace("b", "B", 1)}, "invalid: destination"),
        (["50 USDC", "1 ETH"], {"amount": "10 EUR"}, "invalid: no token contract is known for EUR"),
        (["50 USDC", "1 ETH"], {"chain_id": 1}, "invalid: the order is for chain 1"),
        (["50 USDC", "1 ETH"], {"expires_at": "2020-01-01T00:00:00Z"}, "invalid: the order was good until 2020"),
    ],
)
async def test_what_cannot_be_paid_is_refused_before_anything_is_signed(
    desk: Desk, account: str, funds: list[str], changed: dict[str, object], said: str
) -> None:
    address = await desk.funded(account, *funds)
    ordered = desk.order(account, **changed)
    assert said in await desk.refusal("transfer", **ordered)
    found = await desk.call("find_payment", order_id=ordered["order"]["order_id"])
    assert found["status"] == "none"
    assert desk.node.number("eth_getTransactionCount", address, "latest") == 0


async def test_only_the_cfos_word_counts(desk: Desk, account: str) -> None:
    await desk.funded(account, "100 USDC", "1 ETH")
    ordered = desk.order(account)
    tampered = {**ordered, "order": {**ordered["order"], "amount": "99 USDC"}}
    assert "the CFO's signature" in await desk.refusal("transfer", **tampered)
    assert "the CFO's signature" in await desk.refusal("transfer", **{**ordered, "signature": "a..b"})
    assert "not for transfer" in await desk.refusal("transfer", **desk.order(account, action="deploy_token"))
    await desk.pay(ordered)
    other = desk.order(account, order_id=ordered["order"]["order_id"], amount="99 USDC")
    assert "key_conflict: " in await desk.refusal("transfer", **other)
    assert (await desk.call("get_balance", account=account))["balances"]["USDC"] == "90"


async def test_a_transaction_that_the_chain_undoes_is_reverted_and_costs_its_fee(desk: Desk, account: str) -> None:
    await desk.funded(account, "100 USDC", "1 ETH")
    ordered = desk.order(account)
    # Too little gas for a token: the wallet would have asked for more.
    chain = {"nonce": 0, "gas": 30_000, "max_fee_per_gas": 10**10, "max_priority_fee_per_gas": 10**9}
    assert "raw" in await asyncio.to_thread(lambda: desk.signer.ask("sign_transaction", **ordered, chain=chain))
    found = await desk.call("find_payment", order_id=ordered["order"]["order_id"])
    assert found["status"] == "signed"
    receipt = await desk.pay(ordered)
    assert receipt.status is PaymentStatus.REVERTED
    assert receipt.fee is not None
    assert (await desk.call("get_balance", account=account))["balances"]["USDC"] == "100"


async def test_what_was_signed_and_never_sent_goes_out_before_the_next_payment(desk: Desk, account: str) -> None:
    address = await desk.funded(account, "100 USDC", "1 ETH")
    forgotten, following = desk.order(account, amount="1 USDC"), desk.order(account, amount="2 USDC")
    chain = {"nonce": 0, "gas": 90_000, "max_fee_per_gas": 10**10, "max_priority_fee_per_gas": 10**9}
    await asyncio.to_thread(lambda: desk.signer.ask("sign_transaction", **forgotten, chain=chain))
    assert (await desk.pay(following)).status is PaymentStatus.CONFIRMED
    found = await desk.call("find_payment", order_id=forgotten["order"]["order_id"])
    assert found["status"] == "confirmed"
    assert (await desk.call("get_balance", account=account))["balances"]["USDC"] == "97"
    assert desk.node.number("eth_getTransactionCount", address, "latest") == 2


async def test_a_token_is_made_and_its_supply_is_the_influencers(desk: Desk, account: str) -> None:
    address = await desk.funded(account, "1 ETH")
    details = {"name": "Nova Coin", "symbol": "NOVA", "supply": "1000000.5", "decimals": 8}
    ordered = desk.order(account, action="deploy_token", destination="", amount="0.01 ETH", details=details)
    receipt = await desk.pay(ordered, "deploy_token")
    assert receipt.status is PaymentStatus.CONFIRMED
    assert receipt.contract is not None
    assert desk.node.balance(address, receipt.contract) == 100_000_050_000_000
    assert await desk.pay(ordered, "deploy_token") == receipt
    wrong = desk.order(account, action="deploy_token", destination="", amount="0.01 ETH", details={"name": "x"})
    assert "invalid: details" in await desk.refusal("deploy_token", **wrong)


async def test_a_quote_is_enough_to_pay_by(desk: Desk, account: str) -> None:
    await desk.funded(account, "100 USDC", "1 ETH")
    for tool, destination, amount in (("transfer", FRIEND, "1 USDC"), ("transfer", FRIEND, "0.1 ETH")):
        quote = await desk.call("quote_fee", account=account, action=tool, destination=destination, amount=amount)
        receipt = await desk.pay(desk.order(account, amount=amount, max_fee=quote["max_fee"]))
        assert receipt.status is PaymentStatus.CONFIRMED
    poor = f"{uuid4()}:{uuid4()}"
    quote = await desk.call("quote_fee", account=poor, action="deploy_token", destination="", amount="1 ETH")
    assert quote["gas"] > 900_000


async def test_movements_are_told_from_the_chain_page_by_page(desk: Desk, account: str) -> None:
    first = desk.node.number("eth_blockNumber") + 1
    address = await desk.funded(account, "1 ETH", "100 USDC")
    receipts = [await desk.pay(desk.order(account, amount=amount)) for amount in ("1.5 USDC", "0.25 ETH")]
    page = await desk.call("list_movements", account=account, from_block=first)
    moves = [Movement.model_validate(move) for move in page["movements"]]
    assert [move.amount for move in moves] == ["1 ETH", "100 USDC", "1.5 USDC", "0.25 ETH"]
    assert [move.tx_hash for move in moves[2:]] == [receipt.tx_hash for receipt in receipts]
    assert [(move.log_index == -1) for move in moves] == [True, False, False, True]
    assert {move.sender for move in moves[2:]} == {address}
    assert {move.recipient for move in moves[2:]} == {FRIEND}
    seen, block = [], first
    while True:
        page = await desk.call("list_movements", account=account, from_block=block, limit=1)
        if page["next_block"] == block:
            break
        seen += page["movements"]
        block = page["next_block"]
    assert [Movement.model_validate(move) for move in seen] == moves


async def test_a_payment_is_pending_until_it_is_deep_enough(node, signer, cfo, account: str) -> None:
    desk = opened(node, signer, cfo, confirmations=3, wait_seconds=0.1)
    await desk.funded(account, "100 USDC", "1 ETH")
    ordered = desk.order(account)
    receipt = await desk.pay(ordered)
    assert receipt.status is PaymentStatus.PENDING
    assert "1 of 3 confirmations" in receipt.explanation
    await desk.funded(account, "1 USDC", "1 USDC")
    assert (await desk.pay(ordered)).status is PaymentStatus.CONFIRMED


async def test_without_chain_or_signer_nothing_is_done_and_it_says_so(
    node, signer, cfo, account: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("chimera_wallet.signing.RETRY_SECONDS", 0.0)
    deaf = ChainView(Rpc("http://127.0.0.1:1"), {"USDC": node.token})
    order = cfo.order(account)
    ordered = {"order": order, "signature": cfo.sign(order)}
    desk = Desk(Wallet(deaf, SignerClient(signer.socket)), node, signer, cfo)
    for tool, arguments in (
        ("transfer", ordered),
        ("get_balance", {"account": account}),
        ("list_movements", {"account": account}),
    ):
        assert "unavailable: the node cannot be reached" in await desk.refusal(tool, **arguments)
    chain = ChainView(Rpc(node.url), {"USDC": node.token})
    desk = Desk(Wallet(chain, SignerClient(tmp_path / "nobody")), node, signer, cfo)
    for tool, arguments in (
        ("transfer", ordered),
        ("get_address", {"account": account}),
        ("find_payment", {"order_id": order["order_id"]}),
    ):
        assert "unavailable: the signer cannot be reached" in await desk.refusal(tool, **arguments)


async def test_a_token_that_counts_otherwise_is_not_trusted(
    node, cfo, account: str, new_signer: Callable[..., object]
) -> None:
    signer = new_signer(node.token)
    desk = opened(node, signer, cfo)
    await desk.funded(account, "1 ETH")
    details = {"name": "Eighteen", "symbol": "E", "supply": "5", "decimals": 18}
    made = await desk.pay(
        desk.order(account, action="deploy_token", destination="", amount="0.01 ETH", details=details),
        "deploy_token",
    )
    chain = ChainView(Rpc(node.url), {"USDC": str(made.contract)})
    desk = Desk(Wallet(chain, SignerClient(signer.socket)), node, signer, cfo)
    assert "has 18 decimals; it is not USDC" in await desk.refusal("get_balance", account=account)


def carried_out(node, said: dict[str, str], signature: str) -> str:
    """Have a stranger carry out an authorisation; the transaction's hash."""
    stranger = Account.create()
    node.fund(stranger.address, "1 ETH")
    kinds = ["address", "address", "uint256", "uint256", "uint256", "bytes32", "uint8", "bytes32", "bytes32"]
    mark = bytes.fromhex(signature[2:])
    values = [said["from"], said["to"], *(int(said[name]) for name in ("value", "validAfter", "validBefore"))]
    values += [bytes.fromhex(said["nonce"][2:]), mark[64], mark[:32], mark[32:64]]
    data = keccak(text=f"transferWithAuthorization({','.join(kinds)})")[:4] + encode(kinds, values)
    transaction = {"chainId": 31_337, "nonce": 0, "gas": 200_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
    raw = stranger.sign_transaction({**transaction, "to": node.token, "data": data}).raw_transaction
    return str(node.ask("eth_sendRawTransaction", raw.to_0x_hex()))


async def test_an_authorisation_is_signed_until_the_payee_takes_the_money_or_its_time_is_over(
    desk: Desk, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.funded(account, "100 USDC")
    ordered = desk.order(account, action="pay_resource", max_fee=None)
    domain = {"name": "USD Coin (test)", "version": "2"}
    signed = await asyncio.to_thread(lambda: desk.signer.ask("sign_authorization", **ordered, domain=domain))

    async def found() -> dict[str, object]:
        return await desk.call("find_payment", order_id=ordered["order"]["order_id"])

    assert (await found())["status"] == "signed"
    with monkeypatch.context() as later:
        later.setattr("chimera_wallet.payments.EXPIRY_MARGIN_SECONDS", -7_200)
        assert (await found())["status"] == "none"
    tx_hash = await asyncio.to_thread(carried_out, desk.node, signed["authorization"], str(signed["signature"]))
    async with asyncio.timeout(30):
        while (await found())["status"] != "confirmed":
            pass
    assert (await found())["tx_hash"] == tx_hash
    assert (await desk.call("get_balance", account=account))["balances"]["USDC"] == "90"
