"""The chain that lasts: every transaction is on the disk before it is mined, and mined again at the next start."""

import time
from collections.abc import Callable
from pathlib import Path

from eth_account import Account
from eth_utils.address import to_checksum_address
from pydantic import JsonValue

from chimera_devnet.chain.evm import CHAIN_ID, FAUCET, FAUCET_KEY, TIP, Call, ChainRejected, Evm, Mined
from chimera_protocol.money import Money
from chimera_serving.journal import Journal, JournalError
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import ETH, money_units
from chimera_wallet.tokens.contract import Issue

VERSION = 1
TOKEN = "USDC"
TOKEN_DECIMALS = 6
MOST_AT_ONCE = {ETH: 1_000 * 10**18, TOKEN: 1_000_000 * 10**6}
"""What the faucet gives in one call, in the smallest unit."""

_FAUCET = to_checksum_address(FAUCET)


def _now() -> int:
    return int(time.time())


class Node:
    """The chain, its file and its faucet. Not for several threads at once."""

    def __init__(self, state: Path, clock: Callable[[], int] = _now) -> None:
        """Open the chain kept in a folder and mine what its journal holds; the first time, make the token.

        Raises:
            JournalError: Another process has the folder, it cannot be written, or the journal is damaged.
        """
        self._clock = clock
        self._journal = Journal(state / "chain.jsonl")
        try:
            records = self._journal.records or [self._begin()]
            self.evm = Evm(self._first(records[0]))
            for record in records[1:]:
                self._replay(record)
            if self.evm.head.number == 0:
                issue = Issue("USD Coin (test)", TOKEN, TOKEN_DECIMALS, 0, _FAUCET, _FAUCET)
                self._spend(b"", contract.deployment(issue))
        except JournalError:
            self.close()
            raise
        made = self.evm.blocks[1].contract
        assert made is not None
        self.token = to_checksum_address(made)

    def close(self) -> None:
        """Let go of the file."""
        self._journal.close()

    def send(self, raw: bytes) -> bytes:
        """Mine a signed transaction; the answer is its hash, and the disk has it.

        Raises:
            Refused: The chain does not take it; nothing changed.
            JournalError: The disk does not take it; nothing changed.
        """
        transaction = self.evm.read(raw)
        # A block is later than the one before it, so many of them in a second run ahead of the clock.
        moment = max(self._clock(), self.evm.head.timestamp + 1)
        record: dict[str, JsonValue] = {"raw": raw.hex(), "time": moment}
        self._journal.append(record)
        try:
            self.evm.mine(transaction, moment)
        except ChainRejected:
            self._journal.retract(record)
            raise
        return transaction.hash

    def fund(self, address: str, money: Money) -> bytes:
        """Give money of the faucet to an address; the answer is the transaction's hash.

        Raises:
            Refused: Not a currency of this chain, more than the faucet gives at once, or a wrong address.
        """
        most = MOST_AT_ONCE.get(money.currency)
        if most is None:
            raise ChainRejected(f"the faucet has {' and '.join(MOST_AT_ONCE)}, no {money.currency}")
        if (units := money_units(money)) > most:
            raise ChainRejected(f"the faucet gives less than {money} at once")
        try:
            contract.checked_address(address)
        except ValueError as error:
            raise ChainRejected(str(error)) from error
        receiver = bytes.fromhex(address[2:])
        if money.currency == ETH:
            return self._spend(receiver, b"", units)
        return self._spend(bytes.fromhex(self.token[2:]), contract.mint(address, units))

    def info(self) -> dict[str, JsonValue]:
        """What one has to know to use this chain."""
        return {"chain_id": CHAIN_ID, "token": self.token, "faucet": _FAUCET, "block": self.evm.head.number}

    def _begin(self) -> dict[str, JsonValue]:
        first: dict[str, JsonValue] = {"version": VERSION, "chain_id": CHAIN_ID, "time": self._clock()}
        self._journal.append(first)
        return first

    def _first(self, record: dict[str, JsonValue]) -> int:
        moment = record.get("time")
        if (record.get("version"), record.get("chain_id")) != (VERSION, CHAIN_ID) or not isinstance(moment, int):
            raise JournalError("chain.jsonl is not a journal of this version; move the folder away to start anew")
        return moment

    def _replay(self, record: dict[str, JsonValue]) -> Mined:
        raw, moment = record.get("raw"), record.get("time")
        if not isinstance(raw, str) or not isinstance(moment, int):
            raise JournalError("a line of chain.jsonl holds no transaction; restore the file from a backup")
        try:
            return self.evm.mine(self.evm.read(bytes.fromhex(raw)), moment)
        except (ChainRejected, ValueError) as error:
            raise JournalError(f"a transaction of chain.jsonl cannot be mined again: {error}") from error

    def _spend(self, to: bytes, data: bytes, value: int = 0) -> bytes:
        nonce = self.evm.state(self.evm.head.number).get_nonce(FAUCET)
        call = Call(FAUCET, to, data, value)
        transaction = {
            "chainId": CHAIN_ID,
            "nonce": nonce,
            "gas": self.evm.estimate(call),
            "maxFeePerGas": 2 * self.evm.next_base_fee + TIP,
            "maxPriorityFeePerGas": TIP,
            "to": to_checksum_address(to) if to else "",
            "value": value,
            "data": data,
        }
        return self.send(bytes(Account.sign_transaction(transaction, FAUCET_KEY.to_hex()).raw_transaction))
