"""The signer's work: one order, one signature, for ever."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from eth_account.signers.local import LocalAccount
from eth_account.types import TransactionDictType
from eth_typing import HexStr
from pydantic import JsonValue

from chimera_protocol.failpoint import failpoint
from chimera_protocol.payments import PaymentOrder
from chimera_serving.journal import Journal, JournalError
from chimera_wallet.signer import rules
from chimera_wallet.signer.keystore import Keystore, KeystoreError
from chimera_wallet.signer.rules import Code, SignerError, SigningChain, SigningDomain, SigningPolicy

MAX_UNCONFIRMED = 100

Record = Mapping[str, JsonValue]
AUTHORISATION_TYPE = {
    "TransferWithAuthorization": [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


def _now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """Signs for many callers at once, one signature at a time. Every method raises SignerError."""

    def __init__(
        self,
        keystore: Keystore,
        journal: Journal,
        policy: SigningPolicy,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._keystore = keystore
        self._journal = journal
        self._policy = policy
        self._clock = clock
        self._turn = threading.Lock()
        self._orders: dict[str, Record] = {}
        self._nonces: dict[str, dict[int, Record]] = {}
        for record in journal.records:
            self._remember(record)

    def address(self, account: str) -> dict[str, JsonValue]:
        """The address of an account, which is made when it is missing."""
        return {"address": self._key(account).address}

    def sign_transaction(self, said: Record, signature: str, chain: SigningChain) -> dict[str, JsonValue]:
        """The signed transaction of an order: the same bytes however often, whatever the chain says meanwhile."""
        order, order_hash = rules.authorised(said, signature, self._policy)
        ordered = _ordered(order, order_hash, said, signature)
        key = self._key(order.account)
        with self._turn:
            if (earlier := self._earlier(order, order_hash)) is not None:
                return _transaction(earlier, replayed=True)
            payload = rules.payload(order, key.address, self._policy)
            rules.check_fee(order, chain, self._policy)
            rules.check_expiry(order, self._clock())
            nonce = max(chain.nonce, 1 + max(self._nonces.get(order.account, {}), default=-1))
            transaction: TransactionDictType = {
                "type": 2,
                "chainId": self._policy.chain_id,
                "nonce": nonce,
                "gas": chain.gas,
                "maxFeePerGas": chain.max_fee_per_gas,
                "maxPriorityFeePerGas": chain.max_priority_fee_per_gas,
                # Whatever is no address here makes a contract.
                "to": HexStr(payload.to),
                "value": payload.value,
                "data": HexStr("0x" + payload.data.hex()),
            }
            signed = key.sign_transaction(transaction)
            record: dict[str, JsonValue] = {
                "nonce": nonce,
                "raw": signed.raw_transaction.to_0x_hex(),
                "tx_hash": signed.hash.to_0x_hex(),
                "max_fee": str(chain.gas * chain.max_fee_per_gas),
            }
            return _transaction(self._keep(ordered, key.address, record), replayed=False)

    def sign_authorization(self, said: Record, signature: str, domain: SigningDomain) -> dict[str, JsonValue]:
        """The EIP-3009 authorisation of an order to pay a resource, and its signature."""
        order, order_hash = rules.authorised(said, signature, self._policy)
        ordered = _ordered(order, order_hash, said, signature)
        key = self._key(order.account)
        with self._turn:
            if (earlier := self._earlier(order, order_hash)) is not None:
                return _authorisation(earlier, replayed=True)
            authorisation = rules.authorisation(order, key.address)
            contract = rules.token(order, self._policy)
            rules.check_expiry(order, self._clock())
            signed = key.sign_typed_data(
                {
                    "name": domain.name,
                    "version": domain.version,
                    "chainId": self._policy.chain_id,
                    "verifyingContract": contract,
                },
                AUTHORISATION_TYPE,
                {
                    name: int(value) if name in ("value", "validAfter", "validBefore") else value
                    for name, value in authorisation.items()
                },
            )
            record: dict[str, JsonValue] = {
                "authorization": dict(authorisation),
                "token": contract,
                "authorization_signature": signed.signature.to_0x_hex(),
            }
            return _authorisation(self._keep(ordered, key.address, record), replayed=False)

    def find(self, order_id: str) -> dict[str, JsonValue]:
        """What was signed for an order; `found` is false when nothing was."""
        record = self._orders.get(order_id)
        return {"found": False} if record is None else {**record, "found": True}

    def last(self, account: str) -> dict[str, JsonValue]:
        """The newest transaction that was signed for an account; `found` is false when none was."""
        with self._turn:
            held = self._nonces.get(account)
            return {**held[max(held)], "found": True} if held else {"found": False}

    def unconfirmed(self, account: str, nonce: int) -> dict[str, JsonValue]:
        """What an account signed from this nonce on, in their order, at most MAX_UNCONFIRMED."""
        with self._turn:
            held = self._nonces.get(account, {})
            later = [dict(held[number]) for number in sorted(held) if number >= nonce]
        return {"transactions": list(later[:MAX_UNCONFIRMED])}

    def _key(self, account: str) -> LocalAccount:
        try:
            return self._keystore.account(account)
        except KeystoreError as error:
            raise SignerError(Code.UNAVAILABLE, str(error)) from error

    def _earlier(self, order: PaymentOrder, order_hash: str) -> Record | None:
        record = self._orders.get(str(order.order_id))
        if record is not None and record["order_hash"] != order_hash:
            raise SignerError(Code.CONFLICT, f"order {order.order_id} was signed with other content")
        return record

    def _keep(self, order: Record, address: str, signed: Record) -> Record:
        record = {**order, "address": address, **signed}
        try:
            self._journal.append(record)
        except JournalError as error:
            raise SignerError(Code.UNAVAILABLE, str(error)) from error
        self._remember(record)
        failpoint("signature_kept")
        return record

    def _remember(self, record: Record) -> None:
        self._orders[str(record["order_id"])] = record
        nonce = record.get("nonce")
        if isinstance(nonce, int):
            self._nonces.setdefault(str(record["account"]), {})[nonce] = record


def _ordered(order: PaymentOrder, order_hash: str, said: Record, signature: str) -> dict[str, JsonValue]:
    """What of an order is kept beside what was signed for it: why it was signed, and on whose word."""
    return {
        "order_id": str(order.order_id),
        "order_hash": order_hash,
        "account": order.account,
        "order": dict(said),
        "cfo_signature": signature,
    }


def _transaction(record: Record, *, replayed: bool) -> dict[str, JsonValue]:
    if "raw" not in record:
        raise SignerError(Code.CONFLICT, "the order was signed as an authorisation")
    return {**{name: record[name] for name in ("raw", "tx_hash", "nonce", "address")}, "replayed": replayed}


def _authorisation(record: Record, *, replayed: bool) -> dict[str, JsonValue]:
    if "authorization" not in record:
        raise SignerError(Code.CONFLICT, "the order was signed as a transaction")
    return {
        "authorization": record["authorization"],
        "signature": record["authorization_signature"],
        "token": record["token"],
        "replayed": replayed,
    }
