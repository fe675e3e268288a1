"""The chain as the wallet reads it: balances, fees, movements."""

from collections.abc import Mapping
from dataclasses import dataclass

from eth_utils.address import to_checksum_address
from pydantic import JsonValue

from chimera_protocol.money import EXPONENTS
from chimera_protocol.payments import Movement
from chimera_wallet import rpc, verdicts
from chimera_wallet.messages import PaymentRefused, WalletError
from chimera_wallet.rpc import ChainBlock, Rpc, RpcRefused
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import ETH, decimal_text, money_text
from chimera_wallet.tokens.orders import Payload

MAX_SCAN = 200
"""Most blocks that one call looks through."""


@dataclass(frozen=True)
class Fees:
    """What a transaction may cost: gas, and wei per gas. `lowest` is what the next block asks at least."""

    gas: int
    max_fee_per_gas: int
    tip: int
    lowest: int

    @property
    def total(self) -> int:
        """Wei, at most."""
        return self.gas * self.max_fee_per_gas


class ChainView:
    """Reads of one chain. Every method raises `rpc.RpcError`."""

    def __init__(self, node: Rpc, tokens: Mapping[str, str]) -> None:
        self._rpc = node
        self.tokens = dict(tokens)
        self._chain_id: int | None = None

    async def chain_id(self) -> int:
        """Which chain it is; the first answer also has the tokens' decimals looked at.

        Raises:
            WalletError: A token counts otherwise than its currency does, so every sum would be wrong.
        """
        if self._chain_id is None:
            for currency, address in self.tokens.items():
                told = await self._number(address, contract.decimals())
                if told != EXPONENTS[currency]:
                    raise WalletError(PaymentRefused.INVALID, f"{address} has {told} decimals; it is not {currency}")
            self._chain_id = await self._rpc.ask(rpc.QUANTITY, "eth_chainId")
        return self._chain_id

    async def head(self) -> int:
        """The newest block."""
        return await self._rpc.ask(rpc.QUANTITY, "eth_blockNumber")

    async def next_nonce(self, address: str) -> int:
        """How many transactions of an address have been mined."""
        return await self._rpc.ask(rpc.QUANTITY, "eth_getTransactionCount", address, "latest")

    async def balances(self, address: str) -> dict[str, int]:
        """What an address has of every currency, in its smallest unit."""
        await self.chain_id()
        coins = await self._rpc.ask(rpc.QUANTITY, "eth_getBalance", address, "latest")
        held = {name: await self._number(token, contract.balance_of(address)) for name, token in self.tokens.items()}
        return {**held, ETH: coins}

    async def fees(self, sender: str, payload: Payload, fallback_gas: int | None = None) -> Fees:
        """An upper bound of what a transaction costs now. RpcRefused when it would fail and no fallback is given."""
        call: dict[str, JsonValue] = {
            "from": sender,
            "value": hex(payload.value),
            "data": "0x" + payload.data.hex(),
        }
        if payload.to:
            call["to"] = payload.to
        try:
            estimate = await self._rpc.ask(rpc.QUANTITY, "eth_estimateGas", call)
        except RpcRefused:
            if fallback_gas is None:
                raise
            estimate = fallback_gas
        block = await self._rpc.ask(rpc.BLOCK, "eth_getBlockByNumber", "latest", False)
        tip = await self._rpc.ask(rpc.QUANTITY, "eth_maxPriorityFeePerGas")
        base = block.base_fee_per_gas if block else 0
        # Six full blocks in a row double the base fee; a sixth more gas is room for what changes meanwhile.
        return Fees(gas=-(-estimate * 6 // 5), max_fee_per_gas=2 * base + tip, tip=tip, lowest=base + tip)

    async def mined(self, tx_hash: str) -> rpc.ChainReceipt | None:
        """What became of a transaction; None while no block has it."""
        return await self._rpc.ask(rpc.RECEIPT, "eth_getTransactionReceipt", tx_hash)

    async def waiting(self, tx_hash: str) -> bool:
        """Whether the node knows a transaction."""
        return await self._rpc.ask(rpc.TRANSACTION, "eth_getTransactionByHash", tx_hash) is not None

    async def carried(self, tx_hash: str) -> rpc.Carried | None:
        """A transaction's data, and where it is; None when the node does not know it."""
        return await self._rpc.ask(rpc.CARRIED, "eth_getTransactionByHash", tx_hash)

    async def broadcast(self, raw: str) -> None:
        """Hand a signed transaction to the node. RpcRefused when it will not have it."""
        await self._rpc.ask(rpc.DATA, "eth_sendRawTransaction", raw)

    async def authorisation_used(self, token: str, authorizer: str, nonce: str) -> bool:
        """Whether an EIP-3009 authorisation has been carried out."""
        asked = contract.authorization_state(authorizer, bytes.fromhex(nonce[2:]))
        return await self._number(token, asked) == 1

    async def authorisation_log(self, token: str, authorizer: str, nonce: str, blocks: int) -> rpc.Log | None:
        """Where an authorisation was carried out, if that was within the last blocks."""
        wanted: dict[str, JsonValue] = {
            "address": token,
            "fromBlock": hex(max(0, await self.head() - blocks)),
            "toBlock": "latest",
            "topics": ["0x" + contract.AUTHORIZATION_USED.hex(), contract.topic(authorizer), nonce],
        }
        found = await self._rpc.ask(rpc.LOGS, "eth_getLogs", wanted)
        return found[0] if found else None

    async def movements(self, address: str, first: int, last: int) -> list[Movement]:
        """Money to and from an address in these blocks: tokens by their logs, the chain's coin by its blocks."""
        asked: list[rpc.Request] = [("eth_getBlockByNumber", [hex(number), True]) for number in range(first, last + 1)]
        blocks = await self._rpc.ask_all(rpc.BLOCK, asked)
        found = [move for block in blocks if block is not None for move in await self._coins(block, address)]
        for currency, token in self.tokens.items():
            found += await self._tokens(currency, token, address, first, last)
        return sorted(found, key=lambda move: (move.block, move.tx_hash, move.log_index))

    async def _coins(self, block: ChainBlock, address: str) -> list[Movement]:
        found = []
        for transaction in block.transactions:
            if isinstance(transaction, str) or transaction.to is None or transaction.value == 0:
                continue
            if address.lower() not in (transaction.sender.lower(), transaction.to.lower()):
                continue
            mined = await self.mined(transaction.hash)
            if mined is not None and mined.status == 1:
                found.append(
                    Movement(
                        tx_hash=transaction.hash,
                        log_index=-1,
                        block=block.number,
                        sender=to_checksum_address(transaction.sender),
                        recipient=to_checksum_address(transaction.to),
                        amount=money_text(transaction.value, ETH),
                    )
                )
        return found

    async def _tokens(self, currency: str, token: str, address: str, first: int, last: int) -> list[Movement]:
        mark, event = contract.topic(address), "0x" + contract.TRANSFER.hex()
        window: dict[str, JsonValue] = {"address": token, "fromBlock": hex(first), "toBlock": hex(last)}
        asked: list[rpc.Request] = [
            ("eth_getLogs", [{**window, "topics": [event, mark]}]),
            ("eth_getLogs", [{**window, "topics": [event, None, mark]}]),
        ]
        logs = await self._rpc.ask_all(rpc.LOGS, asked)
        # A movement to oneself stands in both lists.
        seen = {(log.block_number, log.log_index): log for some in logs for log in some}
        return [
            Movement(
                tx_hash=log.transaction_hash,
                log_index=log.log_index,
                block=log.block_number,
                sender=contract.party(log.topics[1]),
                recipient=contract.party(log.topics[2]),
                amount=f"{decimal_text(verdicts.amount(log), EXPONENTS[currency])} {currency}",
            )
            for log in seen.values()
            if verdicts.is_transfer(log, token)
        ]

    async def _number(self, to: str, data: bytes) -> int:
        answer = await self._rpc.ask(rpc.DATA, "eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")
        try:
            return contract.number(answer)
        except ValueError as error:
            raise RpcRefused(f"{to}: {error}") from error
