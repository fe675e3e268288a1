"""Payments by wallet: the order kept before it is carried out, the chain's word booked once (FIN-6)."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.postgres import Connection, Database, queries
from chimera.money.rules import accounts
from chimera.money.rules.accounts import Entry
from chimera.money.service.batch import TreasuryBatch, lock
from chimera.money.service.treasury import close, now
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.messages import PaymentDue
from chimera_protocol.errors import NotFound
from chimera_protocol.money import Money
from chimera_protocol.payments import Movement, PaymentAction, PaymentOrder, PaymentReceipt, PaymentStatus

SQL = queries("money/payments")


class PaymentService:
    """Implements `ports.Payments`; and books what the chain says about the influencers' wallets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, reservation_id: UUID) -> PaymentDue:
        """See `ports.Payments.due`."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(SQL["due"], reservation_id)
        if row is None:
            raise NotFound(f"no transfer {reservation_id}")
        order = row["payment_order"]
        return PaymentDue(
            reservation_id=reservation_id,
            tenant_id=row["tenant_id"],
            agent_id=row["agent_id"],
            campaign_id=row["campaign_id"],
            task_id=row["task_id"],
            pending=row["status"] == "pending",
            payee=row["payee"],
            amount=_money(row["amount"], row["currency"]),
            purpose=row["purpose"],
            budget_verification_hash=row["verification"],
            fee_id=row["fee_id"],
            max_fee=_money(row["max_fee"], row["fee_currency"]) if row["fee_id"] is not None else None,
            order=PaymentOrder.model_validate_json(order) if order is not None else None,
            signature=row["signature"],
            tx_hash=row["tx_hash"],
        )

    async def keep(self, due: PaymentDue, order: PaymentOrder, signature: str, fee_id: UUID | None) -> PaymentDue:
        """See `ports.Payments.keep`."""
        async with self._database.transaction() as connection:
            await connection.execute(
                SQL["keep_order"],
                due.reservation_id,
                due.tenant_id,
                due.agent_id,
                fee_id,
                order.model_dump_json(),
                signature,
            )
        return await self.due(due.reservation_id)

    async def confirmed(self, due: PaymentDue, receipt: PaymentReceipt, asset_id: UUID | None = None) -> None:
        """See `ports.Payments.confirmed`."""
        await self._close(due, receipt, SpendOutcome.POSTED, asset_id)

    async def failed(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        """See `ports.Payments.failed`."""
        await self._close(due, receipt, SpendOutcome.VOIDED, None)

    async def _close(
        self, due: PaymentDue, receipt: PaymentReceipt, outcome: SpendOutcome, asset_id: UUID | None
    ) -> None:
        """The amount as it ended, the fee as the chain took it; both in one transaction with the receipt."""
        status = {
            PaymentStatus.CONFIRMED: "confirmed",
            PaymentStatus.REVERTED: "reverted",
        }.get(receipt.status, "refused")
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                SQL["close_payment"], due.reservation_id, status, receipt.tx_hash, receipt.model_dump_json()
            )
            if row is None:
                return
            told: dict[str, JsonValue] = {
                "status": status,
                "amount": due.amount,
                "tx_hash": receipt.tx_hash,
                "fee": receipt.fee,
                "explanation": receipt.explanation,
            }
            await audit.note(
                connection,
                row["tenant_id"],
                actor="publisher",
                action=f"payment.{status}",
                subject=str(due.task_id or due.reservation_id),
                body=told,
            )
            reference = receipt.tx_hash or ""
            closings = [
                _fee(due.reservation_id, receipt)
                if due.order is not None and due.order.action is PaymentAction.DEPLOY_TOKEN
                else Closing(reservation_id=due.reservation_id, outcome=outcome, reference=reference, asset_id=asset_id)
            ]
            if row["fee_reservation_id"] is not None:
                closings.append(_fee(row["fee_reservation_id"], receipt))
            await close(connection, closings)

    async def tidy(self) -> int:
        """Free the fees that are held for transfers which have ended unpaid, how many. The sweeper calls it."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(SQL["stray_fees"])
            if rows:
                await connection.execute(SQL["give_up"], [row["reservation_id"] for row in rows])
                await close(
                    connection, [Closing(reservation_id=row["fee_id"], outcome=SpendOutcome.VOIDED) for row in rows]
                )
        return len(rows)

    async def open(self, tenant_id: UUID, agent_id: UUID, address: str) -> None:
        """Remember an influencer's address."""
        async with self._database.transaction() as connection:
            await connection.execute(SQL["open_wallet"], agent_id, tenant_id, address)

    async def next_block(self, tenant_id: UUID, agent_id: UUID) -> int:
        """From which block on the chain has not been read for a wallet. NotFound before it was opened."""
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(SQL["wallet"], agent_id, tenant_id)
        if row is None:
            raise NotFound("this influencer has no wallet yet", remedy="'chimera wallet fund' opens one.")
        block: int = row["next_block"]
        return block

    async def book(
        self,
        tenant_id: UUID,
        agent_id: UUID,
        movements: Sequence[Movement],
        next_block: int,
        funding: Collection[str] = (),
    ) -> int:
        """Book what came in, each movement once; how many were new. `funding` are the owner's own addresses.

        What went out without one of our payments is flagged: somebody else has the key, or the order was lost.
        """
        async with self._database.transaction() as connection:
            wallet = await connection.fetchrow(SQL["wallet"], agent_id, tenant_id)
            if wallet is None:
                raise NotFound("this influencer has no wallet yet")
            fresh = [each for each in movements if await _record(connection, tenant_id, agent_id, each)]
            await connection.execute(SQL["advance"], agent_id, next_block)
            address = wallet["address"].lower()
            heads = await lock(connection, [tenant_id])
            batch = TreasuryBatch(heads, now())
            for movement in fresh:
                if movement.recipient.lower() == address:
                    _receive(batch, tenant_id, agent_id, movement, funding)
                elif not await _known(connection, tenant_id, agent_id, movement):
                    told: dict[str, JsonValue] = {"tx_hash": movement.tx_hash, "amount": movement.amount}
                    batch.note(tenant_id, "chain", "wallet.unexpected_payment", str(agent_id), told)
            if fresh:
                await batch.write(connection)
        return len(fresh)


def _money(amount: Decimal, currency: str) -> str:
    return str(Money(amount=amount, currency=currency))


async def _record(connection: Connection, tenant_id: UUID, agent_id: UUID, movement: Movement) -> bool:
    money = Money.parse(movement.amount)
    known = await connection.fetchval(
        SQL["record_movement"],
        tenant_id,
        agent_id,
        movement.tx_hash,
        movement.log_index,
        movement.block,
        movement.sender,
        movement.recipient,
        money.currency,
        money.amount,
    )
    return known is not None


async def _known(connection: Connection, tenant_id: UUID, agent_id: UUID, movement: Movement) -> bool:
    money = Money.parse(movement.amount)
    place = (movement.recipient, money.currency, money.amount)
    return bool(await connection.fetchval(SQL["known_payment"], tenant_id, movement.tx_hash, agent_id, *place))


def _receive(
    batch: TreasuryBatch, tenant_id: UUID, agent_id: UUID, movement: Movement, funding: Collection[str]
) -> None:
    money = Money.parse(movement.amount)
    own = movement.sender.lower() in {each.lower() for each in funding}
    postings = accounts.receiving(agent_id, money.amount, movement.sender, funding=own)
    memo = f"received: {money} from {movement.sender} in {movement.tx_hash}"
    batch.book(Entry(tenant_id, "received", money.amount, money.currency, memo, agent_id), postings)


def _fee(reservation_id: UUID, receipt: PaymentReceipt) -> Closing:
    """The fee of a transaction that was mined, whether or not it did what it should; else nothing was paid."""
    paid = Money.parse(receipt.fee).amount if receipt.fee else Decimal(0)
    return Closing(
        reservation_id=reservation_id,
        outcome=SpendOutcome.POSTED if paid else SpendOutcome.VOIDED,
        paid=paid or None,
        reference=receipt.tx_hash or "",
    )
