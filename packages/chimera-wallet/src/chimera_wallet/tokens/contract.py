"""The ERC-20 contract of ours and its calls: bytes in, bytes out, no network.

`token.json` is made from `token.vy` by `tools/build_contracts.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from eth_abi.abi import decode, encode
from eth_utils.address import is_checksum_address, to_checksum_address
from eth_utils.crypto import keccak

MAX_NAME_BYTES = 64
MAX_SYMBOL_BYTES = 16
MAX_DECIMALS = 18
MAX_UNITS = 2**256 - 1
NOBODY = "0x" + "0" * 40
TRANSFER = keccak(text="Transfer(address,address,uint256)")
AUTHORIZATION_USED = keccak(text="AuthorizationUsed(address,bytes32)")


@dataclass(frozen=True)
class Issue:
    """What a new token is: its whole supply goes to one holder. Sums count the token's smallest unit."""

    name: str
    symbol: str
    decimals: int
    supply: int
    holder: str
    minter: str = NOBODY


def _selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


@cache
def bytecode() -> bytes:
    """The contract's creation code."""
    artifact: Mapping[str, str] = json.loads((Path(__file__).parent / "token.json").read_text("utf-8"))
    return bytes.fromhex(artifact["bytecode"].removeprefix("0x"))


def deployment(issue: Issue) -> bytes:
    """The data of the transaction that makes a token. ValueError when the contract would not hold it."""
    if not 1 <= len(issue.name.encode()) <= MAX_NAME_BYTES:
        raise ValueError(f"a token's name has 1 to {MAX_NAME_BYTES} bytes")
    if not 1 <= len(issue.symbol.encode()) <= MAX_SYMBOL_BYTES:
        raise ValueError(f"a token's symbol has 1 to {MAX_SYMBOL_BYTES} bytes")
    if not 0 <= issue.decimals <= MAX_DECIMALS:
        raise ValueError(f"a token has 0 to {MAX_DECIMALS} decimals")
    if not 0 <= issue.supply <= MAX_UNITS:
        raise ValueError("a token's supply is at most 2**256 - 1 of its smallest unit")
    kinds = ["string", "string", "uint8", "uint256", "address", "address"]
    values = [issue.name, issue.symbol, issue.decimals, issue.supply, issue.holder, issue.minter]
    return bytecode() + encode(kinds, values)


def transfer(receiver: str, units: int) -> bytes:
    """The data of a call that moves `units` of the caller's to `receiver`."""
    return _selector("transfer(address,uint256)") + encode(["address", "uint256"], [receiver, units])


def mint(receiver: str, units: int) -> bytes:
    """The data of a call by which the minter makes `units` more."""
    return _selector("mint(address,uint256)") + encode(["address", "uint256"], [receiver, units])


def balance_of(holder: str) -> bytes:
    """The data of a call that asks for a balance; the answer is read by `number`."""
    return _selector("balanceOf(address)") + encode(["address"], [holder])


def decimals() -> bytes:
    """The data of a call that asks for a token's decimal places; the answer is read by `number`."""
    return _selector("decimals()")


def authorization_state(authorizer: str, nonce: bytes) -> bytes:
    """The data of a call that asks whether an EIP-3009 authorisation has been used; 1 when it has."""
    return _selector("authorizationState(address,bytes32)") + encode(["address", "bytes32"], [authorizer, nonce])


def number(answer: bytes) -> int:
    """The number that a contract answered. ValueError when it answered something else."""
    if len(answer) != 32:
        raise ValueError("the contract answers no number; is the token's address right?")
    (value,) = decode(["uint256"], answer)
    return int(value)


def topic(address: str) -> str:
    """An address as an indexed field of a log."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def party(topic: str) -> str:
    """The address in an indexed field of a log, with its checksum."""
    return to_checksum_address("0x" + topic[-40:])


def checked_address(text: str) -> str:
    """An address with the checksum of EIP-55. ValueError for any other text: one wrong letter is money lost."""
    if not is_checksum_address(text):
        raise ValueError(f"{text[:64]!r} is not an address with an EIP-55 checksum (0x and 40 digits in mixed case)")
    if int(text, 16) == 0:
        raise ValueError("the zero address belongs to nobody; money sent there is lost")
    return text
