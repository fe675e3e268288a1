"""The records of payments by wallet: the order kept before it is carried out, the chain's word booked once (FIN-6)."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import JsonValue

from chimera.audit.service import trail as audit
from chimera.database.postgres import Database
from chimera.money.rules import payments as rules
from chimera.money.service.batch import open_batch, write
from chimera.money.service.treasury import close, now
from chimera.money.store import payments as store
from chimera.money.types.authorization import Closing, SpendOutcome
from chimera.money.types.messages import PaymentDue
from chimera_protocol.errors import NotFound
from chimera_protocol.money import Money
from chimera_protocol.payments import Movement, PaymentOrder, PaymentReceipt

if TYPE_CHECKING:
    from asyncpg import Record


class PaymentService:
    """Payments in PostgreSQL; and what the chain says about the influencers' wallets, booked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, reservation_id: UUID) -> PaymentDue:
        """What a transfer is to pay, and how far that has come. NotFound when there is no such transfer."""
        async with self._database.connection() as connection:
            row = await store.due(connection, reservation_id)
        if row is None:
            raise NotFound(f"no transfer {reservation_id}")
        return _due(row)

    async def keep(self, due: PaymentDue, order: PaymentOrder, signature: str, fee_id: UUID | None) -> PaymentDue:
        """Keep an order before it is carried out; the answer has the order that was first."""
        async with self._database.transaction() as connection:
            whose = (due.reservation_id, due.tenant_id, due.agent_id)
            await store.keep_order(connection, *whose, fee_id, order.model_dump_json(), signature)
        return await self.due(due.reservation_id)

    async def confirmed(self, due: PaymentDue, receipt: PaymentReceipt, asset_id: UUID | None = None) -> None:
        """The chain has it: post the amount and the fee. Done twice it changes nothing."""
        await self._close(due, receipt, SpendOutcome.POSTED, asset_id)

    async def failed(self, due: PaymentDue, receipt: PaymentReceipt) -> None:
        """It did not happen and will not: the amount is free again; what fee the chain took is posted."""
        await self._close(due, receipt, SpendOutcome.VOIDED, None)

    async def _close(
        self, due: PaymentDue, receipt: PaymentReceipt, outcome: SpendOutcome, asset_id: UUID | None
    ) -> None:
        """The amount as it ended, the fee as the chain took it; both in one transaction with the receipt."""
        status = rules.status_of(receipt)
        async with self._database.transaction() as connection:
            told_by_chain = (receipt.tx_hash, receipt.model_dump_json())
            row = await store.close_payment(connection, due.reservation_id, status, *told_by_chain)
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
            closings = [rules.closing(due, receipt, outcome, asset_id)]
            if row["fee_reservation_id"] is not None:
                closings.append(rules.fee(row["fee_reservation_id"], receipt))
            await close(connection, closings)

    async def tidy(self) -> int:
        """Free the fees that are held for transfers which have ended unpaid, how many. The sweeper calls it."""
        async with self._database.transaction() as connection:
            rows = await store.stray_fees(connection)
            if rows:
                await store.give_up(connection, [row["reservation_id"] for row in rows])
                await close(
                    connection, [Closing(reservation_id=row["fee_id"], outcome=SpendOutcome.VOIDED) for row in rows]
                )
        return len(rows)

    async def open(self, tenant_id: UUID, agent_id: UUID, address: str) -> None:
        """Remember an influencer's address."""
        async with self._database.transaction() as connection:
            await store.open_wallet(connection, tenant_id, agent_id, address)

    async def next_block(self, tenant_id: UUID, agent_id: UUID) -> int:
        """From which block on the chain has not been read for a wallet. NotFound before it was opened."""
        async with self._database.transaction() as connection:
            row = await store.lock_wallet(connection, tenant_id, agent_id)
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
        NotFound before the wallet was opened.
        """
        async with self._database.transaction() as connection:
            wallet = await store.lock_wallet(connection, tenant_id, agent_id)
            if wallet is None:
                raise NotFound("this influencer has no wallet yet")
            fresh = [each for each in movements if await store.record_movement(connection, tenant_id, agent_id, each)]
            await store.advance(connection, agent_id, next_block)
            address = wallet["address"].lower()
            batch = await open_batch(connection, [tenant_id], now)
            for movement in fresh:
                if movement.recipient.lower() == address:
                    batch.book(*rules.received(tenant_id, agent_id, movement, funding))
                elif not await store.known_payment(connection, tenant_id, agent_id, movement):
                    told: dict[str, JsonValue] = {"tx_hash": movement.tx_hash, "amount": movement.amount}
                    batch.note(tenant_id, "chain", "wallet.unexpected_payment", str(agent_id), told)
            if fresh:
                await write(connection, batch)
        return len(fresh)


def _due(row: "Record") -> PaymentDue:
    order = row["payment_order"]
    return PaymentDue(
        reservation_id=row["reservation_id"],
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


def _money(amount: Decimal, currency: str) -> str:
    return str(Money(amount=amount, currency=currency))
