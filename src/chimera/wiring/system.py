"""Chimera, wired: the one place that knows the concrete classes."""

import asyncio
from functools import cached_property

import structlog

from chimera.accounts.service import AccountService
from chimera.campaigns.service import CampaignService
from chimera.money.service.books import BookService
from chimera.money.service.limits import LimitService
from chimera.money.service.settlement import SettlementService
from chimera.money.service.wallets import WalletService
from chimera.provenance.service.pieces import PieceService
from chimera.provenance.service.verification import VerificationService
from chimera.redis.connection import reaching
from chimera.review.service.approvals import ReviewService
from chimera.review.service.questions import QuestionService
from chimera.settings import Settings
from chimera.tasks.service.dispatch import TaskService
from chimera.wiring.reads import ReadService
from chimera.wiring.role_process import RoleProcess

log = structlog.get_logger()


class System(RoleProcess):
    """All of Chimera: what roles work with, and what people ask for through the API and the board."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.accounts = AccountService(self.swarm)
        self.campaigns = CampaignService(self.tenants)
        self.desk = TaskService(self.tenants, settings.cool_down_seconds)
        self.questions = QuestionService(self.tenants)
        self.review = ReviewService(self.tenants, settings.undo_seconds)
        self.limits = LimitService(self.tenants)
        self.books = BookService(self.tenants)
        self.settling = SettlementService(self.tenants)
        self.reads = ReadService(self.tenants, self.pulse)

    @cached_property
    def wallet_desk(self) -> WalletService:
        """What operators do with wallets."""
        funding = self.settings.funding_addresses
        return WalletService(self.host, self.wallets, self.reads, self.treasury, self.cfo, self.paymaster, funding)

    @cached_property
    def proofs(self) -> VerificationService:
        """Whether what was signed here is what it claims to be."""
        pieces, own = (
            PieceService(self.swarm, self.tenants),
            (self.authority, self.signer, self.log_key, self.file_signer),
        )
        return VerificationService(pieces, self.reads, self.transparency, self.files, *own)

    async def open(self) -> None:
        """Connect to PostgreSQL; Redis is reached when it is first used."""
        await asyncio.gather(super().open(), self.tenants.open())

    async def redis_answers(self) -> None:
        """Unavailable when Redis does not answer."""
        async with reaching():
            await self.redis.ping()
