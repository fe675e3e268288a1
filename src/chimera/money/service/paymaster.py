"""Paying by wallet: reserved, ordered, signed once, broadcast as often as it takes, booked when the chain has it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from pydantic import JsonValue

from chimera.errors import Conflict, ToolFailed
from chimera.gateways.mcp.types import Tools
from chimera.money.ports import Cfo, Payments
from chimera.money.rules import payments as rules
from chimera.money.types.authorization import FEES, Authorization, TransactionRequest
from chimera.money.types.messages import PaymentDue, SpendOrder
from chimera_protocol.failpoint import failpoint
from chimera_protocol.money import Money
from chimera_protocol.payments import WALLET, PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus
from chimera_protocol.wire import Wire

CHAIN = "chain"
"""Who is paid when it is the chain itself: nobody's wallet, so that it is no round trip into one's own either."""
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
        if due.agent_id is None or Money.parse(due.amount).currency not in self._chain.currencies:
            return None
        if not due.pending:
            raise ToolFailed("the money for this is not reserved any more", uncertain=False, permanent=True)
        if due.order is None:
            due = await self._order(due, due.agent_id)
        failpoint("ordered")
        receipt = await self._carry_out(due)
        failpoint("transferred")
        match receipt.status:
            case PaymentStatus.CONFIRMED:
                await self._payments.confirmed(due, receipt, asset_id)
                failpoint("booked")
                return receipt.tx_hash
            case PaymentStatus.REVERTED:
                await self._payments.failed(due, receipt)
                raise ToolFailed(f"the chain undid the payment: {receipt.explanation}", uncertain=False, permanent=True)
            case _:
                raise ToolFailed(f"the payment is {receipt.status}: {receipt.explanation}", uncertain=True)

    async def _order(self, due: PaymentDue, agent_id: UUID) -> PaymentDue:
        fee, fee_id = due.max_fee, due.fee_id
        if fee is None or fee_id is None:
            action = PaymentAction.TRANSFER
            fee = await quote_fee(self._tools, rules.account(due.tenant_id, agent_id), action, due.payee, due.amount)
            fee_id = await self._reserve_fee(due, agent_id, fee)
        failpoint("fee_reserved")
        return await self._keep(due, agent_id, PaymentAction.TRANSFER, fee, fee_id, {})

    async def _keep(
        self,
        due: PaymentDue,
        agent_id: UUID,
        action: PaymentAction,
        max_fee: str | None,
        fee_id: UUID | None,
        details: dict[str, JsonValue],
    ) -> PaymentDue:
        order = PaymentOrder(
            order_id=due.reservation_id,
            account=rules.account(due.tenant_id, agent_id),
            action=action,
            chain_id=self._chain.chain_id,
            destination="" if action is PaymentAction.DEPLOY_TOKEN else due.payee,  # its supply is the account's own
            amount=due.amount,
            max_fee=max_fee,
            details=details,
            purpose=due.purpose,
            budget_verification_hash=due.budget_verification_hash,
            expires_at=datetime.now(UTC) + ORDER_LIFETIME,
        )
        return await self._payments.keep(due, order, self._cfo.instruct(order), fee_id)

    async def _reserve_fee(self, due: PaymentDue, agent_id: UUID, fee: str) -> UUID:
        order = SpendOrder(
            tenant_id=due.tenant_id,
            agent_id=agent_id,
            campaign_id=due.campaign_id,
            task_id=due.task_id,
            idempotency_key=f"fee-{due.reservation_id}",
            request=TransactionRequest(
                destination_wallet=CHAIN,
                token_amount=fee,
                purpose=f"fee of: {due.purpose[:500]}",
                campaign_id=due.campaign_id,
                category=FEES,
            ),
        )
        try:
            decided = await self._cfo.authorise(order)
        except Conflict as error:
            raise ToolFailed("somebody else has begun to pay this", uncertain=True) from error
        if not isinstance(decided.answer, Authorization):
            why = f"the CFO refused the chain's fee: {decided.answer.error}, {decided.answer.details}"
            raise ToolFailed(why, uncertain=False, permanent=True)
        return decided.reservation_id

    async def _carry_out(self, due: PaymentDue) -> PaymentReceipt:
        order, _ = rules.signed(due)
        tool = "deploy_token" if order.action is PaymentAction.DEPLOY_TOKEN else "transfer"
        data = await self._call(due, tool)
        return rules.receipt_of(order, data)

    async def _call(self, due: PaymentDue, tool: str, **more: JsonValue) -> dict[str, JsonValue]:
        """Let the wallet do what the order says; what it will certainly not do gives the money back."""
        _, given = rules.signed(due)
        try:
            return (await self._tools.call(WALLET, tool, {**given, **more})).data
        except ToolFailed as error:
            if not error.uncertain and error.permanent:
                await self._payments.failed(due, rules.never(due, error.detail))
            raise

    async def deploy_token(self, reservation_id: UUID, details: dict[str, JsonValue]) -> PaymentReceipt:
        """Make a token out of an influencer's wallet; the reservation is for the chain's fee, and nothing else."""
        due = await self._payments.due(reservation_id)
        if due.order is None and due.agent_id is not None and due.pending:
            due = await self._keep(due, due.agent_id, PaymentAction.DEPLOY_TOKEN, due.amount, None, details)
        rules.check_same(due, details)
        receipt = await self._carry_out(due)
        await self._book(due, receipt)
        return receipt

    async def buy(self, reservation_id: UUID, url: str) -> dict[str, JsonValue]:
        """Pay for an HTTP resource (x402) and fetch it; asked again it pays no second time."""
        due = await self._payments.due(reservation_id)
        if due.order is None and due.agent_id is not None and due.pending:
            due = await self._keep(due, due.agent_id, PaymentAction.PAY_RESOURCE, None, None, {"url": url})
        rules.check_same(due, {"url": url})
        order, _ = rules.signed(due)
        failpoint("ordered")
        data = await self._call(due, "pay_resource", url=url)
        receipt = rules.receipt_of(order, data.get("receipt"))
        failpoint("transferred")
        if data.get("uncertain") is False and receipt.status is not PaymentStatus.CONFIRMED:
            await self._payments.failed(due, receipt)
        else:
            await self._book(due, receipt)
        return data

    async def _book(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        if receipt.status is PaymentStatus.CONFIRMED:
            await self._payments.confirmed(due, receipt)
        elif receipt.status is PaymentStatus.REVERTED:
            await self._payments.failed(due, receipt)


async def quote_fee(
    tools: Tools,
    account: str,
    action: PaymentAction,
    destination: str,
    amount: str,
    details: dict[str, JsonValue] | None = None,
) -> str:
    """The most that the chain would take for a payment now."""
    wanted: dict[str, JsonValue] = {
        "account": account,
        "action": action.value,
        "destination": destination,
        "amount": amount,
        "details": details,
    }
    return str((await tools.call(WALLET, "quote_fee", wanted)).data["max_fee"])
