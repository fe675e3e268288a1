"""What travels between the roles and the treasury: spends, costs, payments due."""

from uuid import UUID

from chimera.money.types.authorization import TransactionRequest
from chimera_protocol.payments import PaymentOrder
from chimera_protocol.wire import Wire


class Cost(Wire):
    """Compute that went into one piece, as a ledger transaction: an exact amount from one account to another."""

    transaction_id: UUID
    currency: str
    amount: str
    compute_tokens_used: int
    verification: str
    debit: str
    credit: str
    memo: str


class SpendOrder(Wire):
    """A transaction request with its surroundings and the key that makes it happen once.

    `expires` is for callers outside: what the swarm reserves, the swarm itself ends.
    """

    tenant_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    task_id: UUID | None
    idempotency_key: str
    request: TransactionRequest
    expires: bool = False


class PaymentDue(Wire):
    """A transfer that a wallet is to pay, with the order that was given for it, if any."""

    reservation_id: UUID
    tenant_id: UUID
    agent_id: UUID | None
    campaign_id: UUID | None
    task_id: UUID | None
    pending: bool
    payee: str
    amount: str
    purpose: str
    budget_verification_hash: str
    fee_id: UUID | None = None
    max_fee: str | None = None
    order: PaymentOrder | None = None
    signature: str | None = None
    tx_hash: str | None = None
