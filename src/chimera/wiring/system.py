"""Chimera, wired: the one place that knows the concrete classes."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version

import structlog

from chimera.contracts.claims import Ticket
from chimera.contracts.errors import Invalid, QueueFull, Unavailable
from chimera.contracts.media import Files, Generator
from chimera.contracts.money.payments import WALLET
from chimera.contracts.values import Stage
from chimera.gateways.credentials.authority import Authority
from chimera.gateways.credentials.signing import Claimant, FileSigner
from chimera.gateways.credentials.stamps import OwnStamps, RemoteStamps
from chimera.gateways.custody import KeyFile
from chimera.gateways.models import ModelGateway
from chimera.gateways.tools import ReadingTools, ToolHost
from chimera.settings import Settings
from chimera.stores.accounts import AccountStore
from chimera.stores.campaigns import CampaignStore
from chimera.stores.desk import DeskStore
from chimera.stores.effects import EffectStore
from chimera.stores.files import LocalFiles, S3Files
from chimera.stores.fleet import FleetStore
from chimera.stores.memory import MemoryStore
from chimera.stores.money.books import BookStore
from chimera.stores.money.limits import LimitStore
from chimera.stores.money.settling import SettlingDesk
from chimera.stores.money.treasury import Treasury
from chimera.stores.money.wallets import WalletStore
from chimera.stores.postgres import Access, Database
from chimera.stores.provenance.proofs import ProofStore
from chimera.stores.provenance.transparency import TransparencyStore
from chimera.stores.reads import ReadStore
from chimera.stores.redis.connection import connect, reaching
from chimera.stores.redis.pulse import RedisPulse
from chimera.stores.redis.queue import StreamQueue
from chimera.stores.redis.throttle import RedisThrottle
from chimera.stores.review.approvals import ReviewStore
from chimera.stores.review.quality import QualityStore
from chimera.stores.review.questions import QuestionStore
from chimera.stores.tasks import TaskStore
from chimera.swarm.cfo import CfoJudge
from chimera.swarm.gallery import Gallery
from chimera.swarm.metering import Meter, MeteredModel
from chimera.swarm.paying import Chain, Paymaster
from chimera.wiring.media import AssetShelf
from chimera.wiring.proofs import ProofDesk
from chimera.wiring.tools import OUTBOX, STUDIO, generators, tool_servers
from chimera.wiring.wallets import WalletDesk

log = structlog.get_logger()


class System:
    """Chimera, wired: every part is made when it is first asked for, so that a process pays for what it uses."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None or settings.redis_url is None:
            raise Invalid("no addresses: set CHIMERA_DATABASE_URL and CHIMERA_REDIS_URL, or use 'chimera up'")
        self.settings = settings
        self.swarm = Database(settings.database_url, Access.SWARM, size=16)
        self.tenants = Database(settings.database_url, Access.TENANT, size=16)
        self.redis = connect(settings.redis_url)
        self.queue = StreamQueue(self.redis, lease_ms=round(settings.lease_seconds * 1_000), bound=settings.queue_bound)
        self.work = TaskStore(self.swarm)
        self.effects = EffectStore(self.swarm)
        self.fleet = FleetStore(self.swarm)
        self.accounts = AccountStore(self.swarm)
        self.campaigns = CampaignStore(self.tenants)
        self.desk = DeskStore(self.tenants, settings.cool_down_seconds)
        self.questions = QuestionStore(self.tenants)
        self.review = ReviewStore(self.tenants, settings.undo_seconds)
        self.quality = QualityStore(self.tenants, self.swarm)
        self.treasury = Treasury(self.swarm)
        self.wallets = WalletStore(self.swarm)
        self.limits = LimitStore(self.tenants)
        self.books = BookStore(self.tenants)
        self.settling = SettlingDesk(self.tenants)
        self.pulse = RedisPulse(self.redis)
        self.throttle = RedisThrottle(self.redis)
        self.reads = ReadStore(self.tenants, self.pulse)
        self.memory = MemoryStore(self.swarm)
        self.transparency = TransparencyStore(self.swarm, self.tenants)

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
    def wallet_desk(self) -> WalletDesk:
        """What operators do with wallets."""
        funding = self.settings.funding_addresses
        return WalletDesk(self.host, self.wallets, self.reads, self.treasury, self.cfo, self.paymaster, funding)

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
    def shelf(self) -> AssetShelf:
        """The asset store as the roles see it."""
        state = self.settings.state
        sources = [state / STUDIO, *self.settings.media_folders]
        return AssetShelf(self.files, self.file_signer, sources=sources, outbox=state / OUTBOX)

    @cached_property
    def proofs(self) -> ProofDesk:
        """Whether what was signed here is what it claims to be."""
        store, own = ProofStore(self.swarm, self.tenants), (self.authority, self.signer, self.log_key, self.file_signer)
        return ProofDesk(store, self.reads, self.transparency, self.files, *own)

    @cached_property
    def makers(self) -> Mapping[str, Generator]:
        """What makes pictures and clips."""
        return generators(self.settings)

    @cached_property
    def gallery(self) -> Gallery:
        """The pictures and clips of pieces."""
        return Gallery(self.tools, self.shelf, self.makers, self.meter)

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

    async def hand_on(self, tickets: Mapping[Stage, Sequence[Ticket]]) -> None:
        """Queue what has been committed. Without Redis it waits in PostgreSQL for the sweeper: nothing is lost."""
        try:
            for stage, due in tickets.items():
                await self.queue.put(stage, due)
        except Unavailable as error:
            await log.awarning("left to the sweeper", cause=error.detail)

    async def make_room(self, stage: Stage) -> None:
        """QueueFull when more waits than the bound allows (ORC-10)."""
        try:
            depth = await self.queue.depth(stage)
        except Unavailable as error:
            await log.awarning("depth unknown", cause=error.detail)
            return
        if depth >= self.queue.bound:
            raise QueueFull(f"{depth} tasks are waiting, the bound is {self.queue.bound}")

    async def redis_answers(self) -> None:
        """Unavailable when Redis does not answer."""
        async with reaching():
            await self.redis.ping()
