"""Paying by wallet: reserved, ordered, signed once, broadcast as often as it takes, booked when the chain has it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import JsonValue, ValidationError

from chimera.contracts.claims import PaymentDue, SpendOrder
from chimera.contracts.errors import ToolFailed
from chimera.contracts.finance import FEES, Authorization, TransactionRequest
from chimera.contracts.payments import PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus
from chimera.contracts.ports import Cfo, Payments, Tools
from chimera.contracts.values import Money, Wire
from chimera.swarm.faults import reach

WALLET = "wallet-mcp"
ORDER_LIFETIME = timedelta(days=7)
"""How long the signer takes an order that it has not signed yet."""


class Chain(Wire):
    """The chain that wallets are on, and the currencies that they hold there."""

    chain_id: int
    currencies: frozenset[str]


class Paymaster:
    """Pays what the CFO has authorised out of the influencer's own wallet (FIN-6).

    Asked again, it goes on where it was: the order is kept before it is carried out, the signer signs it once, and
    the same bytes are broadcast until the chain says what became of them.
    """

    def __init__(self, payments: Payments, cfo: Cfo, tools: Tools, chain: Chain) -> None:
        self._payments = payments
        self._cfo = cfo
        self._tools = tools
        self._chain = chain

    async def pay(self, reservation_id: UUID, asset_id: UUID) -> str | None:
        """The transaction that paid a reservation; None when it is not a wallet that pays it.

        ToolFailed, uncertain, while the chain has not decided; certain, when the money did not and will not move.
        """
        due = await self._payments.due(reservation_id)
        if due.tx_hash is not None:
            return due.tx_hash
        if not due.pending or due.agent_id is None or Money.parse(due.amount).currency not in self._chain.currencies:
            return None
        if due.order is None:
            due = await self._order(due, due.agent_id)
        reach("ordered")
        receipt = await self._carry_out(due)
        reach("transferred")
        match receipt.status:
            case PaymentStatus.CONFIRMED:
                await self._payments.confirmed(due, receipt, asset_id)
                reach("booked")
                return receipt.tx_hash
            case PaymentStatus.REVERTED:
                await self._payments.failed(due, receipt)
                raise ToolFailed(f"the chain undid the payment: {receipt.explanation}", uncertain=False, permanent=True)
            case _:
                raise ToolFailed(f"the payment is {receipt.status}: {receipt.explanation}", uncertain=True)

    async def _order(self, due: PaymentDue, agent_id: UUID) -> PaymentDue:
        account = f"{due.tenant_id}:{agent_id}"
        fee, fee_id = due.max_fee, due.fee_id
        if fee is None or fee_id is None:
            fee = await self._quote(due, account)
            fee_id = await self._reserve_fee(due, agent_id, fee)
        reach("fee_reserved")
        order = PaymentOrder(
            order_id=due.reservation_id,
            account=account,
            action=PaymentAction.TRANSFER,
            chain_id=self._chain.chain_id,
            destination=due.payee,
            amount=due.amount,
            max_fee=fee,
            purpose=due.purpose,
            budget_verification_hash=due.budget_verification_hash,
            expires_at=datetime.now(UTC) + ORDER_LIFETIME,
        )
        return await self._payments.keep(due, order, self._cfo.instruct(order), fee_id)

    async def _quote(self, due: PaymentDue, account: str) -> str:
        quoted = await self._tools.call(
            WALLET,
            "quote_fee",
            {
                "account": account,
                "action": PaymentAction.TRANSFER.value,
                "destination": due.payee,
                "amount": due.amount,
            },
        )
        return str(quoted.data["max_fee"])

    async def _reserve_fee(self, due: PaymentDue, agent_id: UUID, fee: str) -> UUID:
        order = SpendOrder(
            tenant_id=due.tenant_id,
            agent_id=agent_id,
            campaign_id=due.campaign_id,
            task_id=due.task_id,
            idempotency_key=f"fee-{due.reservation_id}",
            request=TransactionRequest(
                destination_wallet="chain",
                token_amount=fee,
                purpose=f"fee of: {due.purpose[:500]}",
                campaign_id=due.campaign_id,
                category=FEES,
            ),
        )
        decided = await self._cfo.authorise(order)
        if not isinstance(decided.answer, Authorization):
            why = f"the CFO refused the chain's fee: {decided.answer.error}, {decided.answer.details}"
            raise ToolFailed(why, uncertain=False, permanent=True)
        return decided.reservation_id

    async def _carry_out(self, due: PaymentDue) -> PaymentReceipt:
        if due.order is None or due.signature is None:
            raise ToolFailed("the payment has no order", uncertain=False, permanent=True)
        given: dict[str, JsonValue] = {"order": due.order.model_dump(mode="json"), "signature": due.signature}
        try:
            answer = await self._tools.call(WALLET, "transfer", given)
            return PaymentReceipt.model_validate(answer.data)
        except ToolFailed as error:
            if error.uncertain or not error.permanent:
                raise
            refused = PaymentReceipt(
                order_id=due.reservation_id, status=PaymentStatus.NONE, explanation=error.detail[:500]
            )
            await self._payments.failed(due, refused)
            raise
        except ValidationError as error:
            raise ToolFailed("the wallet answered with something else than a receipt", uncertain=True) from error
