"""The chain itself: a Prague EVM in memory that mines one block per transaction, without clock or disk.

The same transactions at the same times give the same blocks, hashes and balances, whenever they are run.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from eth.abc import (
    BlockHeaderAPI,
    ComputationAPI,
    SignedTransactionAPI,
    StateAPI,
    UnsignedTransactionAPI,
    VirtualMachineAPI,
)
from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_NONCE, ZERO_ADDRESS, ZERO_HASH32
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.exceptions import HeaderNotFound, PyEVMError, Revert, VMError
from eth.typing import AccountDetails
from eth.vm.forks.prague import PragueVM
from eth.vm.spoof import SpoofTransaction
from eth_keys.datatypes import PrivateKey
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

CHAIN_ID = 31_337
GAS_LIMIT = 30_000_000
MAX_INITCODE = 49_152
"""Longest code that may make a contract, in bytes (EIP-3860)."""

TIP = 10**9
"""Wei per gas that this chain suggests on top of the base fee."""

FAUCET_KEY = PrivateKey(hashlib.sha256(b"chimera: faucet of the embedded chain, worth nothing").digest())
"""Known to everybody on purpose: the token's address follows from it, and what it holds is worth nothing."""

FAUCET = Address(FAUCET_KEY.public_key.to_canonical_address())
FAUCET_WEI = 10**9 * 10**18


class ChainRejected(Exception):
    """A transaction or call that the chain does not take; nothing changed."""

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(message)
        self.data = data


class _Chain(MiningChain):
    vm_configuration = ((BlockNumber(0), PragueVM),)
    chain_id = CHAIN_ID


@dataclass(frozen=True)
class Call:
    """A call or transaction that nobody has signed."""

    sender: bytes
    to: bytes
    data: bytes = b""
    value: int = 0
    gas: int = GAS_LIMIT


@dataclass(frozen=True)
class Mined:
    """What one block did: it holds one transaction, only the first block none."""

    number: int
    hash: bytes
    parent: bytes
    timestamp: int
    base_fee: int
    gas_used: int
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    transaction: SignedTransactionAPI | None = None
    succeeded: bool = True
    contract: bytes | None = None
    logs: list[tuple[bytes, list[bytes], bytes]] = field(default_factory=list)

    @property
    def gas_price(self) -> int:
        """Wei that each gas of the transaction did cost."""
        assert self.transaction is not None
        tip = min(self.transaction.max_priority_fee_per_gas, self.transaction.max_fee_per_gas - self.base_fee)
        return self.base_fee + tip


class Evm:
    """Blocks and state. Not for several threads at once."""

    def __init__(self, genesis_time: int) -> None:
        parameters: dict[str, int | BlockNumber | bytes | Address | Hash32 | None] = {
            "coinbase": ZERO_ADDRESS,
            "difficulty": POST_MERGE_DIFFICULTY,
            "extra_data": b"",
            "gas_limit": GAS_LIMIT,
            "mix_hash": ZERO_HASH32,
            "nonce": POST_MERGE_NONCE,
            "timestamp": genesis_time,
        }
        faucet: AccountDetails = {"balance": FAUCET_WEI, "storage": {}, "code": b"", "nonce": 0}
        chain = _Chain.from_genesis(AtomicDB(MemoryDB()), parameters, {FAUCET: faucet})
        assert isinstance(chain, _Chain)
        self._chain = chain
        first = self._chain.get_canonical_block_header_by_number(BlockNumber(0))
        self.blocks = [_mined(first)]
        self.by_transaction: dict[bytes, Mined] = {}
        self.by_hash: dict[bytes, Mined] = {first.hash: self.blocks[0]}

    @property
    def head(self) -> Mined:
        """The newest block."""
        return self.blocks[-1]

    @property
    def next_base_fee(self) -> int:
        """Wei per gas that the next block will burn."""
        return self._chain.header.base_fee_per_gas or 0

    def read(self, raw: bytes) -> SignedTransactionAPI:
        """The transaction in these bytes, if it could be mined next.

        Raises:
            Refused: Not a transaction, not of this chain, already mined, or its nonce or funds do not fit.
        """
        if raw[:1] < b"\xc0" and raw[:1] not in (b"\x01", b"\x02"):
            raise ChainRejected("not a transaction of a type that is taken here (untyped, 1, 2)")
        vm = self._chain.get_vm()
        try:
            transaction = vm.get_transaction_builder().decode(raw)
            transaction.validate()
            sender = transaction.sender
        except (RLPException, ValidationError, PyEVMError, ValueError, TypeError, IndexError) as error:
            raise ChainRejected(f"not a transaction: {str(error)[:200]}") from error
        if transaction.hash in self.by_transaction:
            raise ChainRejected("already known")
        if transaction.chain_id != CHAIN_ID:
            raise ChainRejected(
                f"invalid chain id: this chain is {CHAIN_ID}, the transaction is for {transaction.chain_id}"
            )
        least = max(transaction.intrinsic_gas, _floor(transaction.data))
        if transaction.gas < least:
            raise ChainRejected(f"intrinsic gas too low: have {transaction.gas}, want {least}")
        if transaction.to == b"" and len(transaction.data) > MAX_INITCODE:
            raise ChainRejected(f"the code that makes a contract has at most {MAX_INITCODE} bytes")
        nonce = vm.state.get_nonce(sender)
        if transaction.nonce != nonce:
            order = "low" if transaction.nonce < nonce else "high"
            raise ChainRejected(f"nonce too {order}: next nonce {nonce}, tx nonce {transaction.nonce}")
        cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
        if (balance := vm.state.get_balance(sender)) < cost:
            raise ChainRejected(f"insufficient funds for gas * price + value: have {balance}, want {cost}")
        try:
            vm.validate_transaction_against_header(self._chain.header, transaction)
            vm.state.validate_transaction(transaction)
        except ValidationError as error:
            raise ChainRejected(str(error)[:300]) from error
        return transaction

    def mine(self, transaction: SignedTransactionAPI, timestamp: int) -> Mined:
        """Put a transaction that `read` took into the next block. The time must be later than the head's.

        Raises:
            Refused: The chain does not take it after all; nothing changed.
        """
        header = self._chain.header.copy(timestamp=timestamp)
        self._chain.header = header
        try:
            imported, (receipt,), (computation,) = self._chain.mine_all([transaction], coinbase=ZERO_ADDRESS)
        except ValidationError as error:
            raise ChainRejected(str(error)[:300]) from error
        mined = replace(
            _mined(imported.imported_block.header),
            transaction=transaction,
            succeeded=not computation.is_error,
            contract=bytes(computation.msg.storage_address) if transaction.to == b"" else None,
            logs=[
                (bytes(log.address), [topic.to_bytes(32, "big") for topic in log.topics], log.data)
                for log in receipt.logs
            ],
        )
        self.blocks.append(mined)
        self.by_transaction[transaction.hash] = mined
        self.by_hash[mined.hash] = mined
        return mined

    def state(self, number: int) -> StateAPI:
        """What was so after block `number`. Refused when there is no such block."""
        return self._vm(number).state

    def call(self, call: Call, number: int) -> bytes:
        """What a call would answer after block `number`. Refused when it would fail."""
        computation = self._try(call, number)
        _raise_failure(computation)
        return computation.output

    def estimate(self, call: Call) -> int:
        """The gas that a transaction needs on top of the head. Refused when it would fail with any."""

        def enough(gas: int) -> bool:
            return not self._try(Call(call.sender, call.to, call.data, call.value, gas), self.head.number).is_error

        spent = self._try(call, self.head.number)
        _raise_failure(spent)
        intrinsic = self._unsigned(self._vm(self.head.number), call).intrinsic_gas
        guess = max(intrinsic + spent.get_gas_used(), _floor(call.data))
        # A contract that calls others may need more than it uses in the end, as each call keeps 1/64 back.
        return guess if enough(guess) else _least(enough, guess, GAS_LIMIT)

    def _try(self, call: Call, number: int) -> ComputationAPI:
        vm = self._vm(number)
        with vm.in_costless_state() as state:
            snapshot = state.snapshot()
            try:
                unsigned = self._unsigned(vm, call)
                # The library's own callers hand over the imitation like this; its types do not say so.
                spoofed = cast("SignedTransactionAPI", SpoofTransaction(unsigned, from_=Address(call.sender)))
                return state.apply_transaction(spoofed)
            except ValidationError as error:
                raise ChainRejected(str(error)[:300]) from error
            finally:
                state.revert(snapshot)

    def _unsigned(self, vm: VirtualMachineAPI, call: Call) -> UnsignedTransactionAPI:
        return vm.get_transaction_builder().create_unsigned_transaction(
            nonce=vm.state.get_nonce(Address(call.sender)),
            gas_price=0,
            gas=call.gas,
            to=Address(call.to),
            value=call.value,
            data=call.data,
        )

    def _vm(self, number: int) -> VirtualMachineAPI:
        try:
            return self._chain.get_vm(self._chain.get_canonical_block_header_by_number(BlockNumber(number)))
        except HeaderNotFound as error:
            raise ChainRejected("header not found") from error


def _mined(header: BlockHeaderAPI) -> Mined:
    return Mined(
        number=header.block_number,
        hash=header.hash,
        parent=header.parent_hash,
        timestamp=header.timestamp,
        base_fee=header.base_fee_per_gas or 0,
        gas_used=header.gas_used,
        state_root=header.state_root,
        transactions_root=header.transaction_root,
        receipts_root=header.receipt_root,
        bloom=header.bloom.to_bytes(256, "big"),
    )


def _floor(data: bytes) -> int:
    """The gas that a transaction with this data costs at least (EIP-7623)."""
    zeros = data.count(0)
    return 21_000 + 10 * (zeros + 4 * (len(data) - zeros))


def _least(enough: Callable[[int], bool], low: int, high: int) -> int:
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _raise_failure(computation: ComputationAPI) -> None:
    if not computation.is_error:
        return
    error: VMError = computation.error
    if isinstance(error, Revert):
        raise ChainRejected("execution reverted", computation.output)
    raise ChainRejected(f"execution failed: {type(error).__name__} {str(error)[:200]}")
