"""The wallet: what it does between the CFO's order and the chain's word that it has been carried out."""

import asyncio
import json
from collections import defaultdict
from datetime import UTC, datetime
from uuid import UUID

from pydantic import JsonValue, ValidationError

from chimera_protocol.failpoint import failpoint
from chimera_protocol.money import EXPONENTS
from chimera_protocol.payments import PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus
from chimera_wallet import verdicts
from chimera_wallet.ledger import MAX_SCAN, ChainView, Fees
from chimera_wallet.messages import Balance, FeeQuote, MovementPage, PaymentRefused, WalletError
from chimera_wallet.rpc import RpcError, RpcRefused
from chimera_wallet.signing import Signed, SignerClient, SignerLost, SignerRefused
from chimera_wallet.tokens import orders
from chimera_wallet.tokens.amounts import ETH, decimal_text, money_text, money_units

WAIT_SECONDS = 10.0
LOOK_BACK = 50_000
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.5)
_GAS_UNKNOWN = {PaymentAction.TRANSFER: 100_000, PaymentAction.DEPLOY_TOKEN: 1_300_000}
EXPIRY_MARGIN_SECONDS = 300
_LARGEST_TOKEN: dict[str, JsonValue] = {"name": "N" * 64, "symbol": "S" * 16, "supply": "1", "decimals": 18}
_NO_NUMBERS: dict[str, JsonValue] = {"nonce": 0, "gas": 21_000, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}
_LASTING = {"invalid", "unauthorised", "expired", "wrong_chain", "unknown_currency"}


class Wallet:
    """All accounts of one signer on one chain. Methods raise WalletError: then nothing was done, nor will be."""

    def __init__(
        self,
        chain: ChainView,
        signer: SignerClient,
        *,
        confirmations: int = 1,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._chain = chain
        self._signer = signer
        self._confirmations = confirmations
        self._wait = wait_seconds
        # One payment of an account after the other, up to its broadcast: each sees what the one before has left.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def address(self, account: str) -> str:
        """Where an account's money is; the account is made when it is missing."""
        try:
            return await self._signer.address(account)
        except (SignerRefused, SignerLost) as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, str(error)) from error

    async def balance(self, account: str) -> Balance:
        """What an account has of every known currency."""
        address = await self.address(account)
        try:
            held = await self._chain.balances(address)
        except RpcError as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, str(error)) from error
        texts = {name: decimal_text(count, EXPONENTS[name]) for name, count in held.items()}
        return Balance(address=address, balances=texts)

    async def quote(
        self, account: str, action: PaymentAction, destination: str, amount: str, details: dict[str, JsonValue]
    ) -> FeeQuote:
        """The most that a transaction of this kind would cost now; good for an order's max_fee."""
        address = await self.address(account)
        try:
            order = PaymentOrder(
                order_id=UUID(int=0),
                account=account,
                action=action,
                chain_id=await self._chain.chain_id(),
                destination=destination,
                amount=amount,
                max_fee=None,
                details=details or _LARGEST_TOKEN,
                purpose="quote",
                budget_verification_hash="quote",
                expires_at=datetime.now(UTC),
            )
            payload = orders.payload(order, address, self._chain.tokens)
            fees = await self._chain.fees(address, payload, _GAS_UNKNOWN[action])
        except RpcError as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, str(error)) from error
        except ValueError as error:
            raise WalletError(PaymentRefused.INVALID, _told(error)) from error
        return FeeQuote(max_fee=money_text(fees.total, ETH), gas=fees.gas, max_fee_per_gas=fees.max_fee_per_gas)

    async def movements(self, account: str, from_block: int, limit: int) -> MovementPage:
        """Money to and from an account from a block on; whole blocks, so a full one may go over the limit."""
        address = await self.address(account)
        try:
            last = min(await self._chain.head() - self._confirmations + 1, from_block + MAX_SCAN - 1)
            if last < from_block:
                return MovementPage(movements=[], next_block=from_block)
            found = await self._chain.movements(address, from_block, last)
        except RpcError as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, str(error)) from error
        if len(found) <= limit:
            return MovementPage(movements=found, next_block=last + 1)
        full = found[limit].block
        kept = [move for move in found if move.block < full]
        if kept:
            return MovementPage(movements=kept, next_block=full)
        return MovementPage(movements=[move for move in found if move.block == full], next_block=full + 1)

    async def find(self, order_id: UUID) -> PaymentReceipt:
        """What has become of an order; `none` when the signer never signed it."""
        try:
            signed = await self._signer.find(str(order_id))
            if signed.order is None:
                return PaymentReceipt(order_id=order_id, status=PaymentStatus.NONE)
            await self._chain.chain_id()
            return await self._state(signed.order, signed)
        except (RpcError, SignerRefused, SignerLost) as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, str(error)) from error

    async def pay(self, action: PaymentAction, said: dict[str, JsonValue], signature: str) -> PaymentReceipt:
        """Carry out an order, or go on with it: the same order is the same transaction however often it is sent."""
        order = _read(said, action)
        async with self._turns[order.account]:
            try:
                signed = await self._sign(order, said, signature)
            except SignerLost as error:
                return _doubt(order, f"{error}, and it may have signed")
            failpoint("payment_signed")
            trouble = await self._broadcast(signed)
            failpoint("payment_broadcast")
        return await self._settle(order, signed, trouble)

    async def _sign(self, order: PaymentOrder, said: dict[str, JsonValue], signature: str) -> Signed:
        """The signed transaction of an order; SignerLost when it may be signed or not."""
        try:
            earlier = await self._signer.find(str(order.order_id))
            # What was signed is signed: the signer looks at the order again, and at the chain's numbers no more.
            numbers = _NO_NUMBERS if earlier.found else await self._prepare(order)
        except (RpcError, SignerLost) as error:
            raise WalletError(PaymentRefused.UNAVAILABLE, f"{error}; nothing was signed") from error
        except SignerRefused as error:
            raise _refused(error) from error
        try:
            await self._signer.sign_transaction(said, signature, numbers)
        except SignerRefused as error:
            raise _refused(error) from error
        signed = await self._signer.find(str(order.order_id))
        if not signed.raw:
            raise SignerLost("the signer does not know what it signed")
        return signed

    async def _prepare(self, order: PaymentOrder) -> dict[str, JsonValue]:
        """The chain's numbers for a new transaction, when nothing speaks against it."""
        if (chain_id := await self._chain.chain_id()) != order.chain_id:
            raise WalletError(PaymentRefused.INVALID, f"the order is for chain {order.chain_id}, this is {chain_id}")
        address = await self._signer.address(order.account)
        try:
            payload = orders.payload(order, address, self._chain.tokens)
            bound = orders.fee_bound(order)
        except ValueError as error:
            raise WalletError(PaymentRefused.INVALID, str(error)) from error
        nonce, waiting = await self._push(order.account, address)
        held = await self._chain.balances(address)
        for earlier in waiting:
            _set_aside(held, earlier)
        _check_funds(held, {order.money.currency: _cost(order)}, address)
        try:
            fees = await self._chain.fees(address, payload)
        except RpcRefused as error:
            raise WalletError(PaymentRefused.INVALID, f"the chain would undo it: {error}") from error
        price = _price(fees, bound)
        needed = {ETH: payload.value + fees.gas * price}
        _check_funds(held, needed, address)
        return {"nonce": nonce, "gas": fees.gas, "max_fee_per_gas": price, "max_priority_fee_per_gas": fees.tip}

    async def _push(self, account: str, address: str) -> tuple[int, list[Signed]]:
        """Broadcast anew what was signed and is in no block: a gap in the nonces would hold up all that follows."""
        nonce = await self._chain.next_nonce(address)
        waiting = await self._signer.unconfirmed(account, nonce)
        for earlier in waiting:
            if trouble := await self._broadcast(earlier):
                order_id = earlier.order.order_id if earlier.order else earlier.tx_hash
                raise WalletError(
                    PaymentRefused.UNAVAILABLE,
                    f"this account's earlier payment {order_id} cannot be broadcast: {trouble}",
                )
        if waiting:
            nonce = await self._chain.next_nonce(address)
        return nonce, [earlier for earlier in waiting if earlier.nonce is not None and earlier.nonce >= nonce]

    async def _broadcast(self, signed: Signed) -> str:
        """Hand a transaction to the node; what stands in the way, or nothing when the node has it."""
        try:
            await self._chain.broadcast(signed.raw)
        except RpcError as error:
            try:
                known = signed.tx_hash is not None and (
                    await self._chain.mined(signed.tx_hash) is not None or await self._chain.waiting(signed.tx_hash)
                )
            except RpcError:
                known = False
            return "" if known else str(error)
        return ""

    async def _settle(self, order: PaymentOrder, signed: Signed, trouble: str) -> PaymentReceipt:
        """The receipt, as soon as it is final or the time is up."""
        clock = asyncio.get_running_loop().time
        deadline, pauses = clock() + self._wait, iter(_PAUSES)
        while True:
            try:
                receipt = await self._state(order, signed)
            except RpcError as error:
                receipt = _doubt(order, str(error), signed.tx_hash)
            if receipt.status in (PaymentStatus.CONFIRMED, PaymentStatus.REVERTED):
                return receipt
            if trouble or clock() >= deadline:
                return receipt.model_copy(update={"explanation": trouble}) if trouble else receipt
            await asyncio.sleep(next(pauses, _PAUSES[-1]))

    async def _state(self, order: PaymentOrder, signed: Signed) -> PaymentReceipt:
        if signed.authorization is not None:
            return await self._authorised(order, signed.token, signed.authorization)
        assert signed.tx_hash is not None
        mined = await self._chain.mined(signed.tx_hash)
        if mined is not None:
            token = self._chain.tokens.get(order.money.currency, "")
            return verdicts.receipt(order, signed, mined, await self._chain.head(), self._confirmations, token)
        known = await self._chain.waiting(signed.tx_hash)
        status = PaymentStatus.PENDING if known else PaymentStatus.SIGNED
        return PaymentReceipt(order_id=order.order_id, status=status, tx_hash=signed.tx_hash)

    async def _authorised(self, order: PaymentOrder, token: str, said: dict[str, str]) -> PaymentReceipt:
        """The receipt of a payment that the payee carries out with our authorisation."""
        if not await self._chain.authorisation_used(token, said["from"], said["nonce"]):
            # The chain's clock decides; until it has surely passed, the payee may still take the money.
            if datetime.now(UTC).timestamp() > int(said["validBefore"]) + EXPIRY_MARGIN_SECONDS:
                gone = "the authorisation was never used and is no longer valid"
                return PaymentReceipt(order_id=order.order_id, status=PaymentStatus.NONE, explanation=gone)
            return PaymentReceipt(order_id=order.order_id, status=PaymentStatus.SIGNED)
        log = await self._chain.authorisation_log(token, said["from"], said["nonce"], LOOK_BACK)
        return PaymentReceipt(
            order_id=order.order_id,
            status=PaymentStatus.CONFIRMED,
            tx_hash=log.transaction_hash if log else None,
            block=log.block_number if log else None,
        )


def _read(said: dict[str, JsonValue], action: PaymentAction) -> PaymentOrder:
    try:
        order = PaymentOrder.model_validate_json(json.dumps(said))
    except ValidationError as error:
        raise WalletError(PaymentRefused.INVALID, f"the order is not one: {_told(error)}") from error
    if order.action is not action:
        raise WalletError(PaymentRefused.INVALID, f"the order is for {order.action}, not for {action}")
    return order


def _told(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    wrong = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"


def _refused(error: SignerRefused) -> WalletError:
    if error.code == "conflict":
        return WalletError(PaymentRefused.KEY_CONFLICT, str(error))
    return WalletError(PaymentRefused.INVALID if error.code in _LASTING else PaymentRefused.UNAVAILABLE, str(error))


def _doubt(order: PaymentOrder, why: str, tx_hash: str | None = None) -> PaymentReceipt:
    explanation = f"{why}; send the order again, or ask find_payment"
    return PaymentReceipt(
        order_id=order.order_id, status=PaymentStatus.SIGNED, tx_hash=tx_hash, explanation=explanation
    )


def _cost(order: PaymentOrder) -> int:
    return money_units(order.money) if orders.moves_money(order) else 0


def _set_aside(held: dict[str, int], earlier: Signed) -> None:
    """Take off what a payment on its way will cost."""
    held[ETH] -= int(earlier.max_fee)
    if earlier.order is not None and earlier.order.money.currency in held:
        held[earlier.order.money.currency] -= _cost(earlier.order)


def _check_funds(held: dict[str, int], needed: dict[str, int], address: str) -> None:
    for currency, count in needed.items():
        if held.get(currency, 0) < count:
            has = max(held.get(currency, 0), 0)
            raise WalletError(
                PaymentRefused.INVALID,
                f"insufficient_funds: {address} has {money_text(has, currency)} to spend"
                f" and needs {money_text(count, currency)}",
            )


def _price(fees: Fees, bound: int) -> int:
    """Wei per gas to offer. WalletError when the order's bound is less than the chain asks at least."""
    price = min(fees.max_fee_per_gas, bound // fees.gas)
    if price < fees.lowest:
        least = money_text(fees.lowest * fees.gas, ETH)
        raise WalletError(
            PaymentRefused.UNAVAILABLE, f"fee_too_high: it costs at least {least}, ordered is {money_text(bound, ETH)}"
        )
    return price
