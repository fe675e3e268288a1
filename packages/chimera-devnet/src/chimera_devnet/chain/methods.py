"""The JSON-RPC methods of the chain: what Ethereum's execution API calls `eth_*`, and three of ours."""

from collections.abc import Callable, Mapping, Sequence

from eth.abc import SignedTransactionAPI, StateAPI
from eth_typing import Address
from eth_utils.address import is_checksum_address, is_hex_address, to_checksum_address
from pydantic import JsonValue

from chimera_devnet.chain.evm import CHAIN_ID, GAS_LIMIT, TIP, Call, ChainRejected, Mined
from chimera_devnet.chain.node import Node
from chimera_protocol.money import Money

MAX_LOG_BLOCKS = 100_000
MAX_HISTORY = 1_024
_LATEST = ("latest", "pending", "safe", "finalized")

Parameters = Sequence[JsonValue]


class BadParameters(Exception):
    """The parameters are not what the method takes."""


def methods(node: Node) -> dict[str, Callable[[Parameters], JsonValue]]:
    """Every method by name. Each raises BadParameters, `evm.Refused` or `journal.JournalError`."""
    evm, asked = node.evm, _Questions(node)
    return {
        "web3_clientVersion": lambda _: "chimera-chain/1",
        "net_version": lambda _: str(CHAIN_ID),
        "eth_chainId": lambda _: hex(CHAIN_ID),
        "eth_syncing": lambda _: False,
        "eth_accounts": lambda _: [],
        "eth_blockNumber": lambda _: hex(evm.head.number),
        "eth_gasPrice": lambda _: hex(evm.next_base_fee + TIP),
        "eth_maxPriorityFeePerGas": lambda _: hex(TIP),
        "eth_feeHistory": asked.fee_history,
        "eth_getBalance": lambda p: hex(asked.state(p, 1).get_balance(_address(p, 0))),
        "eth_getTransactionCount": lambda p: hex(asked.state(p, 1).get_nonce(_address(p, 0))),
        "eth_getCode": lambda p: _hex(asked.state(p, 1).get_code(_address(p, 0))),
        "eth_getStorageAt": lambda p: _hex(
            asked.state(p, 2).get_storage(_address(p, 0), _quantity(_item(p, 1))).to_bytes(32, "big")
        ),
        "eth_call": lambda p: _hex(evm.call(_call(p), asked.number(p, 1))),
        "eth_estimateGas": lambda p: hex(evm.estimate(_call(p))),
        "eth_sendRawTransaction": lambda p: _hex(node.send(_bytes(_item(p, 0)))),
        "eth_getTransactionByHash": asked.transaction,
        "eth_getTransactionReceipt": asked.receipt,
        "eth_getBlockByNumber": asked.block_by_number,
        "eth_getBlockByHash": asked.block_by_hash,
        "eth_getLogs": asked.logs,
        "chimera_info": lambda _: node.info(),
        "chimera_fund": lambda p: _hex(node.fund(_text(p, 0), _money(p, 1))),
    }


class _Questions:
    """Reads that need more than a line."""

    def __init__(self, node: Node) -> None:
        self._evm = node.evm

    def number(self, parameters: Parameters, at: int) -> int:
        tag = parameters[at] if len(parameters) > at else "latest"
        return self._tagged(tag)

    def state(self, parameters: Parameters, at: int) -> StateAPI:
        return self._evm.state(self.number(parameters, at))

    def fee_history(self, parameters: Parameters) -> JsonValue:
        count, newest = _quantity(_item(parameters, 0)), self.number(parameters, 1)
        if not 1 <= count <= MAX_HISTORY:
            raise BadParameters(f"a history has 1 to {MAX_HISTORY} blocks")
        shares = parameters[2] if len(parameters) > 2 else []
        blocks = self._evm.blocks[max(0, newest + 1 - count) : newest + 1]
        if not blocks:
            raise ChainRejected("header not found")
        last = blocks[-1].number + 1
        after = self._evm.next_base_fee if last > self._evm.head.number else self._evm.blocks[last].base_fee
        tips = [hex(block.gas_price - block.base_fee) if block.transaction else "0x0" for block in blocks]
        return {
            "oldestBlock": hex(blocks[0].number),
            "baseFeePerGas": [*(hex(block.base_fee) for block in blocks), hex(after)],
            "gasUsedRatio": [block.gas_used / GAS_LIMIT for block in blocks],
            "reward": [[tip] * len(shares) for tip in tips] if isinstance(shares, list) else [],
        }

    def transaction(self, parameters: Parameters) -> JsonValue:
        mined = self._evm.by_transaction.get(_bytes(_item(parameters, 0)))
        return None if mined is None else _transaction(mined)

    def receipt(self, parameters: Parameters) -> JsonValue:
        mined = self._evm.by_transaction.get(_bytes(_item(parameters, 0)))
        return None if mined is None else _receipt(mined)

    def block_by_number(self, parameters: Parameters) -> JsonValue:
        number = self.number(parameters, 0)
        found = self._evm.blocks[number] if number < len(self._evm.blocks) else None
        return None if found is None else _block(found, full=_full(parameters))

    def block_by_hash(self, parameters: Parameters) -> JsonValue:
        found = self._evm.by_hash.get(_bytes(_item(parameters, 0)))
        return None if found is None else _block(found, full=_full(parameters))

    def logs(self, parameters: Parameters) -> JsonValue:
        wanted = _item(parameters, 0)
        if not isinstance(wanted, dict):
            raise BadParameters("a filter is an object")
        if "blockHash" in wanted:
            block = self._evm.by_hash.get(_bytes(wanted["blockHash"]))
            if block is None:
                raise ChainRejected("unknown block")
            blocks = [block]
        else:
            first, last = self._tagged(wanted.get("fromBlock")), self._tagged(wanted.get("toBlock"))
            if last - first >= MAX_LOG_BLOCKS:
                raise BadParameters(f"a filter covers at most {MAX_LOG_BLOCKS} blocks")
            blocks = self._evm.blocks[first : last + 1]
        addresses, topics = _some(wanted.get("address")), wanted.get("topics") or []
        if not isinstance(topics, list) or len(topics) > 4:
            raise BadParameters("a filter has at most 4 topics")
        choices = [_some(topic) for topic in topics]
        return [
            _log(block, index)
            for block in blocks
            for index, (address, found, _) in enumerate(block.logs)
            if (addresses is None or address in addresses)
            and len(found) >= len(choices)
            and all(choice is None or topic in choice for choice, topic in zip(choices, found, strict=False))
        ]

    def _tagged(self, tag: JsonValue) -> int:
        if tag is None or tag in _LATEST:
            return self._evm.head.number
        return 0 if tag == "earliest" else _quantity(tag)


def _transaction(block: Mined) -> dict[str, JsonValue]:
    transaction = block.transaction
    assert transaction is not None
    kind = transaction.type_id or 0
    dynamic: dict[str, JsonValue] = {}
    if kind >= 1:
        dynamic["accessList"] = [
            {"address": to_checksum_address(address), "storageKeys": [hex(key) for key in slots]}
            for address, slots in transaction.access_list
        ]
    if kind >= 2:
        dynamic["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        dynamic["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    return {
        "hash": _hex(transaction.hash),
        "type": hex(kind),
        "chainId": hex(CHAIN_ID),
        "nonce": hex(transaction.nonce),
        "blockHash": _hex(block.hash),
        "blockNumber": hex(block.number),
        "transactionIndex": "0x0",
        "from": to_checksum_address(transaction.sender),
        "to": _to(transaction),
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(block.gas_price),
        "input": _hex(transaction.data),
        "v": hex(transaction.y_parity),
        "yParity": hex(transaction.y_parity),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        **dynamic,
    }


def _receipt(block: Mined) -> dict[str, JsonValue]:
    transaction = block.transaction
    assert transaction is not None
    return {
        "transactionHash": _hex(transaction.hash),
        "transactionIndex": "0x0",
        "blockHash": _hex(block.hash),
        "blockNumber": hex(block.number),
        "type": hex(transaction.type_id or 0),
        "from": to_checksum_address(transaction.sender),
        "to": _to(transaction),
        "status": hex(block.succeeded),
        "gasUsed": hex(block.gas_used),
        "cumulativeGasUsed": hex(block.gas_used),
        "effectiveGasPrice": hex(block.gas_price),
        "contractAddress": to_checksum_address(block.contract) if block.contract else None,
        "logs": [_log(block, index) for index in range(len(block.logs))],
        "logsBloom": _hex(block.bloom),
    }


def _log(block: Mined, index: int) -> dict[str, JsonValue]:
    address, topics, data = block.logs[index]
    assert block.transaction is not None
    return {
        "address": to_checksum_address(address),
        "topics": [_hex(topic) for topic in topics],
        "data": _hex(data),
        "blockNumber": hex(block.number),
        "blockHash": _hex(block.hash),
        "blockTimestamp": hex(block.timestamp),
        "transactionHash": _hex(block.transaction.hash),
        "transactionIndex": "0x0",
        "logIndex": hex(index),
        "removed": False,
    }


def _block(block: Mined, *, full: bool) -> dict[str, JsonValue]:
    nothing, nobody = "0x" + "0" * 64, "0x" + "0" * 40
    held: list[JsonValue] = []
    if block.transaction is not None:
        held.append(_transaction(block) if full else _hex(block.transaction.hash))
    return {
        "number": hex(block.number),
        "hash": _hex(block.hash),
        "parentHash": _hex(block.parent),
        "timestamp": hex(block.timestamp),
        "baseFeePerGas": hex(block.base_fee),
        "gasLimit": hex(GAS_LIMIT),
        "gasUsed": hex(block.gas_used),
        "stateRoot": _hex(block.state_root),
        "transactionsRoot": _hex(block.transactions_root),
        "receiptsRoot": _hex(block.receipts_root),
        "logsBloom": _hex(block.bloom),
        "miner": nobody,
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "extraData": "0x",
        "mixHash": nothing,
        "nonce": "0x0000000000000000",
        "size": "0x0",
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "uncles": [],
        "transactions": held,
    }


def _to(transaction: SignedTransactionAPI) -> str | None:
    return to_checksum_address(transaction.to) if transaction.to else None


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _item(parameters: Parameters, at: int) -> JsonValue:
    if len(parameters) <= at:
        raise BadParameters(f"parameter {at + 1} is missing")
    return parameters[at]


def _text(parameters: Parameters, at: int) -> str:
    value = _item(parameters, at)
    if not isinstance(value, str):
        raise BadParameters(f"parameter {at + 1} is a string")
    return value


def _money(parameters: Parameters, at: int) -> Money:
    try:
        return Money.parse(_text(parameters, at))
    except ValueError as error:
        raise BadParameters(str(error)[:300]) from error


def _address(parameters: Parameters, at: int) -> Address:
    return _party(_item(parameters, at))


def _party(value: JsonValue) -> Address:
    if not (isinstance(value, str) and value.startswith("0x") and is_hex_address(value) and _checksum_fits(value)):
        raise BadParameters("an address has 0x and 40 digits, and a checksum that fits or none")
    return Address(bytes.fromhex(value[2:]))


def _checksum_fits(address: str) -> bool:
    digits = address.removeprefix("0x")
    return digits in (digits.lower(), digits.upper()) or bool(is_checksum_address(address))


def _quantity(value: JsonValue) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    try:
        if isinstance(value, str) and value.startswith("0x") and len(value) <= 66:
            return int(value, 16)
    except ValueError as error:
        raise BadParameters("a quantity is written like 0x1f") from error
    raise BadParameters("a quantity is written like 0x1f")


def _bytes(value: JsonValue) -> bytes:
    try:
        if isinstance(value, str) and value.startswith("0x"):
            return bytes.fromhex(value[2:])
    except ValueError as error:
        raise BadParameters("data is written in hexadecimal digits after 0x") from error
    raise BadParameters("data is written in hexadecimal digits after 0x")


def _some(value: JsonValue) -> set[bytes] | None:
    """One or several values of a filter; None for any."""
    if value is None:
        return None
    return {_bytes(one) for one in value} if isinstance(value, list) else {_bytes(value)}


def _full(parameters: Parameters) -> bool:
    return len(parameters) > 1 and parameters[1] is True


def _call(parameters: Parameters) -> Call:
    given = _item(parameters, 0)
    if not isinstance(given, Mapping):
        raise BadParameters("a call is an object")
    data = given.get("input") or given.get("data") or "0x"
    to = given.get("to")
    return Call(
        sender=_party(given["from"]) if given.get("from") else bytes(20),
        to=_party(to) if to else b"",
        data=_bytes(data),
        value=_quantity(given.get("value") or 0),
        gas=min(_quantity(given.get("gas") or GAS_LIMIT), GAS_LIMIT),
    )
