"""Chimera, wired: the one place that knows the concrete classes."""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import version

import structlog

from chimera.accounts.service import AccountService
from chimera.audit.service.log import LogService
from chimera.campaigns.service import CampaignService
from chimera.database.postgres import Access, Database
from chimera.fleet.service import FleetService
from chimera.gateways.files import LocalFiles, S3Files
from chimera.gateways.mcp.host import ReadingTools, ToolHost
from chimera.gateways.models.gateway import ModelGateway
from chimera.gateways.signing_keys import KeyFile
from chimera.media.service import MediaService
from chimera.media.types import Files, Generator
from chimera.memory.service import MemoryService
from chimera.money.service.books import BookService
from chimera.money.service.limits import LimitService
from chimera.money.service.payment_records import PaymentService
from chimera.money.service.payments import Chain, Paymaster
from chimera.money.service.settlement import SettlementService
from chimera.money.service.treasury import Treasury
from chimera.money.service.usage_billing import Meter, MeteredModel
from chimera.money.service.wallets import WalletService
from chimera.provenance.service import VerificationService
from chimera.provenance.store import ProofStore
from chimera.publishing.service import EffectService
from chimera.redis.activity import RedisActivity
from chimera.redis.connection import connect, reaching
from chimera.redis.outbox import QueueOutbox
from chimera.redis.queue import StreamQueue
from chimera.redis.throttle import RedisThrottle
from chimera.review.service.approvals import ReviewService
from chimera.review.service.quality import QualityService
from chimera.review.service.questions import QuestionService
from chimera.roles.cfo import CfoJudge
from chimera.settings import Settings
from chimera.tasks.service.dispatch import TaskService
from chimera.tasks.service.work import WorkService
from chimera.wiring.media import FileAssetStore
from chimera.wiring.reads import ReadService
from chimera.wiring.tools import OUTBOX, STUDIO, generators, tool_servers
from chimera_credentials.authority import Authority
from chimera_credentials.signing import Claimant, FileSigner
from chimera_credentials.timestamps import OwnStamps, RemoteStamps
from chimera_protocol.errors import Invalid
from chimera_protocol.payments import WALLET

log = structlog.get_logger()


class System:
    """Chimera, wired: every part is made when it is first asked for, so that a process pays for what it uses."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None or settings.redis_url is None:
            raise Invalid("no addresses: set CHIMERA_DATABASE_URL and CHIMERA_REDIS_URL, or use 'chimera up'")
        self.settings = settings
        self.redis = connect(settings.redis_url)
        self.queue = StreamQueue(self.redis, lease_ms=round(settings.lease_seconds * 1_000), bound=settings.queue_bound)
        outbox = QueueOutbox(self.queue)
        self.swarm = Database(settings.database_url, Access.SWARM, size=16, outbox=outbox)
        self.tenants = Database(settings.database_url, Access.TENANT, size=16, outbox=outbox)
        self.work = WorkService(self.swarm)
        self.effects = EffectService(self.swarm)
        self.fleet = FleetService(self.swarm)
        self.accounts = AccountService(self.swarm)
        self.campaigns = CampaignService(self.tenants)
        self.desk = TaskService(self.tenants, settings.cool_down_seconds)
        self.questions = QuestionService(self.tenants)
        self.review = ReviewService(self.tenants, settings.undo_seconds)
        self.quality = QualityService(self.tenants, self.swarm)
        self.treasury = Treasury(self.swarm)
        self.wallets = PaymentService(self.swarm)
        self.limits = LimitService(self.tenants)
        self.books = BookService(self.tenants)
        self.settling = SettlementService(self.tenants)
        self.pulse = RedisActivity(self.redis)
        self.throttle = RedisThrottle(self.redis)
        self.reads = ReadService(self.tenants, self.pulse)
        self.memory = MemoryService(self.swarm)
        self.transparency = LogService(self.swarm, self.tenants)

    @cached_property
    def host(self) -> ToolHost:
        """The MCP host with the configured servers."""
        return ToolHost(tool_servers(self.settings), self.throttle)

    @cached_property
    def tools(self) -> ReadingTools:
        """The host without the tools that act."""
        return ReadingTools(self.host)

    @cached_property
    def model(self) -> ModelGateway:
        """The models of all roles."""
        return ModelGateway(self.settings.model_names(), base_url=self.settings.model_base_url)

    @cached_property
    def cfo(self) -> CfoJudge:
        """The CFO Judge; its key signs what the signer may carry out."""
        return CfoJudge(self.treasury, KeyFile(self.settings.state / "keys" / "cfo.pem"))

    @cached_property
    def chain(self) -> Chain | None:
        """The chain that the influencers' wallets are on, if there is one."""
        settings = self.settings
        if settings.chain_id is None or not self.host.knows(WALLET, "transfer"):
            return None
        return Chain(chain_id=settings.chain_id, currencies=frozenset({"ETH", *settings.chain_tokens}))

    @cached_property
    def paymaster(self) -> Paymaster | None:
        """Who pays by wallet; without a chain every spend is on the platform's bill."""
        return Paymaster(self.wallets, self.cfo, self.host, self.chain) if self.chain is not None else None

    @cached_property
    def wallet_desk(self) -> WalletService:
        """What operators do with wallets."""
        funding = self.settings.funding_addresses
        return WalletService(self.host, self.wallets, self.reads, self.treasury, self.cfo, self.paymaster, funding)

    @cached_property
    def paid_model(self) -> MeteredModel:
        """The models of all roles, each call at its task's expense."""
        return MeteredModel(self.model, self.meter)

    @cached_property
    def meter(self) -> Meter:
        """What steps of the swarm cost, held against the budget."""
        return Meter(self.cfo, self.treasury)

    @cached_property
    def files(self) -> Files:
        """Where pictures and clips are kept: a folder, or a bucket when one is configured."""
        given = self.settings
        if given.s3_bucket is None:
            return LocalFiles(given.state / "assets")
        return S3Files(given.s3_bucket, given.s3_prefix, endpoint=given.s3_endpoint)

    @cached_property
    def authority(self) -> Authority:
        """Who vouches for the signatures in files: a root of our own, made at first start."""
        return Authority(self.settings.state / "credentials")

    @cached_property
    def file_signer(self) -> FileSigner:
        """Signs files, with time stamps of our own authority or of the configured one."""
        url = self.settings.timestamp_url
        stamps = RemoteStamps(url) if url is not None else OwnStamps(self.authority)
        return FileSigner(self.authority, stamps, Claimant("Chimera", version("chimera")))

    @cached_property
    def shelf(self) -> FileAssetStore:
        """The asset store as the roles see it."""
        state = self.settings.state
        sources = [state / STUDIO, *self.settings.media_folders]
        return FileAssetStore(self.files, self.file_signer, sources=sources, outbox=state / OUTBOX)

    @cached_property
    def proofs(self) -> VerificationService:
        """Whether what was signed here is what it claims to be."""
        store, own = ProofStore(self.swarm, self.tenants), (self.authority, self.signer, self.log_key, self.file_signer)
        return VerificationService(store, self.reads, self.transparency, self.files, *own)

    @cached_property
    def makers(self) -> Mapping[str, Generator]:
        """What makes pictures and clips."""
        return generators(self.settings)

    @cached_property
    def gallery(self) -> MediaService:
        """The pictures and clips of pieces."""
        return MediaService(self.tools, self.shelf, self.makers, self.meter)

    @cached_property
    def log_key(self) -> KeyFile:
        """The key that signs the states of the transparency log."""
        return KeyFile(self.settings.state / "keys" / "log.pem")

    @cached_property
    def signer(self) -> KeyFile:
        """The key that signs what is published."""
        return KeyFile(self.settings.state / "keys" / "provenance.pem")

    async def open(self) -> None:
        """Connect to PostgreSQL; Redis is reached when it is first used."""
        await asyncio.gather(self.swarm.open(), self.tenants.open())

    async def close(self) -> None:
        """Let go of everything."""
        if "host" in self.__dict__:
            await self.host.close()
        if "file_signer" in self.__dict__:
            await asyncio.to_thread(self.file_signer.close)
        await asyncio.gather(self.swarm.close(), self.tenants.close())
        await self.redis.aclose()

    async def redis_answers(self) -> None:
        """Unavailable when Redis does not answer."""
        async with reaching():
            await self.redis.ping()
