"""Chimera, wired: the one place that knows the concrete classes."""

import asyncio
import os
import random
import re
import socket
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import assert_never
from uuid import UUID

import structlog

from chimera.contracts.claims import ProcessMark, Ticket
from chimera.contracts.errors import Invalid, QueueFull, Unavailable
from chimera.contracts.ids import new_id
from chimera.contracts.payments import WALLET
from chimera.contracts.values import Role, Stage
from chimera.contracts.views import BacklogView, FleetView, Health, Verification
from chimera.domain import retry
from chimera.gateways.custody import KeyFile
from chimera.gateways.models import ModelGateway
from chimera.gateways.tools import ReadingTools, ToolHost
from chimera.settings import Settings
from chimera.stores.accounts import AccountStore
from chimera.stores.campaigns import CampaignStore
from chimera.stores.desk import DeskStore
from chimera.stores.effects import EffectStore
from chimera.stores.fleet import FleetStore
from chimera.stores.memory import MemoryStore
from chimera.stores.money.books import BookStore
from chimera.stores.money.limits import LimitStore
from chimera.stores.money.settling import SettlingDesk
from chimera.stores.money.treasury import Treasury
from chimera.stores.money.wallets import WalletStore
from chimera.stores.postgres import Access, Database
from chimera.stores.pulse import RedisPulse
from chimera.stores.queue import StreamQueue
from chimera.stores.reads import ReadStore
from chimera.stores.redis import connect, reaching
from chimera.stores.review import ReviewStore
from chimera.stores.tasks import Sweeper, TaskStore
from chimera.swarm.cfo import CfoJudge
from chimera.swarm.judge import Judge
from chimera.swarm.metering import MeteredModel
from chimera.swarm.paying import Chain, Paymaster
from chimera.swarm.planner import Planner
from chimera.swarm.publisher import Publisher
from chimera.swarm.runtime import Bench, keep_alive, keep_swept
from chimera.swarm.worker import Worker
from chimera.wiring.checks import statement_holds
from chimera.wiring.tools import tool_servers
from chimera.wiring.wallets import WalletDesk

log = structlog.get_logger()

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

DRAIN_SECONDS = 60.0
"""A queue whose oldest ticket has been due for longer does not drain."""


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
        self.desk = DeskStore(self.tenants)
        self.review = ReviewStore(self.tenants, settings.undo_seconds)
        self.treasury = Treasury(self.swarm)
        self.wallets = WalletStore(self.swarm)
        self.limits = LimitStore(self.tenants)
        self.books = BookStore(self.tenants)
        self.settling = SettlingDesk(self.tenants)
        self.pulse = RedisPulse(self.redis)
        self.reads = ReadStore(self.tenants, self.pulse)
        self.memory = MemoryStore(self.swarm)

    @cached_property
    def host(self) -> ToolHost:
        """The MCP host with the configured servers."""
        return ToolHost(tool_servers(self.settings))

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
        return MeteredModel(self.model, self.cfo, self.treasury)

    @cached_property
    def signer(self) -> KeyFile:
        """The key that signs what is published."""
        return KeyFile(self.settings.state / "keys" / "provenance.pem")

    async def open(self) -> None:
        """Connect to PostgreSQL; Redis is reached when it is first used."""
        await asyncio.gather(self.swarm.open(), self.tenants.open())

    async def open_patiently(self, stopping: asyncio.Event) -> None:
        """Connect, and while PostgreSQL is away try again with back-off: a role process outlives its services."""
        tries = 0
        while not stopping.is_set():
            try:
                await self.open()
                return
            except Unavailable as error:
                tries += 1
                wait = retry.delay(tries, random.random()).total_seconds()
                await log.awarning("waiting", cause=error.detail, seconds=round(wait, 1))
                await asyncio.wait([asyncio.ensure_future(stopping.wait())], timeout=min(wait, 5.0))

    async def close(self) -> None:
        """Let go of everything."""
        if "host" in self.__dict__:
            await self.host.close()
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

    async def health(self) -> Health:
        """Whether the fleet works: every role alive, every queue draining, both services in reach (OPS-3)."""
        problems: list[str] = []
        roles: dict[Role, int] = {}
        backlog: list[BacklogView] = []
        try:
            roles = await self.fleet.alive(self.settings.lease_seconds)
            backlog = await self.fleet.backlog()
        except Unavailable as error:
            problems.append(error.detail)
        try:
            async with reaching():
                await self.redis.ping()
        except Unavailable as error:
            problems.append(error.detail)
        problems += [f"no living {role.value}" for role, count in roles.items() if count == 0]
        problems += [
            f"the {each.stage.value} queue does not drain: its oldest ticket is {each.oldest_seconds:.0f} s old"
            for each in backlog
            if each.oldest_seconds > DRAIN_SECONDS
        ]
        counts = {role.value: count for role, count in roles.items()}
        return Health(healthy=not problems, problems=problems, roles=counts, backlog=backlog)

    async def verify(self, tenant_id: UUID, piece: str) -> Verification:
        """Check a piece, named by its asset's id or its post's address, against its signed statement."""
        named = UUID(piece) if _UUID.fullmatch(piece) else None
        asset = (await self.reads.lineage(tenant_id, named, None if named else piece)).asset
        public_key = self.signer.public_key
        return Verification(
            asset_id=asset.asset_id,
            url=asset.url,
            holds=statement_holds(asset.statement, asset.parts, asset.cryptographic_signature, public_key),
            content_hash=asset.content_hash,
            cryptographic_signature=asset.cryptographic_signature,
            statement=asset.statement,
            public_key=public_key,
        )

    async def fleet_view(self, tenant_id: UUID) -> FleetView:
        """The fleet at a glance (UI-1)."""
        waiting, published = await self.reads.counts(tenant_id)
        return FleetView(
            influencers=(await self.reads.influencers(tenant_id, 100)).items,
            campaigns=(await self.reads.campaigns(tenant_id, 50)).items,
            limits=await self.reads.limits(tenant_id),
            halts=await self.reads.halts(tenant_id),
            health=await self.health(),
            approvals_waiting=waiting,
            published=published,
        )

    async def serve(self, roles: Sequence[Role], stopping: asyncio.Event) -> None:
        """Work in these roles until `stopping`, then finish what is in hand."""
        name = ",".join(roles)
        process = ProcessMark(process_id=new_id(), role=name, host=socket.gethostname(), pid=os.getpid())
        lease = self.settings.lease_seconds
        await self.fleet.mark(process)
        helpers = asyncio.Event()
        background = [
            asyncio.create_task(keep_alive(self.fleet, process, min(1.0, lease / 3), helpers)),
            asyncio.create_task(keep_swept(_AllDue(self, lease), self.queue, 1.0, helpers)),
        ]
        try:
            await asyncio.gather(*(self._work(role, process, stopping) for role in roles))
        finally:
            helpers.set()
            await asyncio.wait(background, timeout=3)

    async def _work(self, role: Role, process: ProcessMark, stopping: asyncio.Event) -> None:
        width, lease, id = self.settings.concurrency, self.settings.lease_seconds, process.process_id
        match role:
            case Role.PLANNER:
                planner = Planner(self.work, self.paid_model, self.tools, self.pulse)
                await Bench(planner, self.queue, id, width=width, lease_seconds=lease).run(stopping)
            case Role.WORKER:
                worker = Worker(self.work, self.paid_model, self.tools, self.memory, self.cfo, self.pulse)
                await Bench(worker, self.queue, id, width=width, lease_seconds=lease).run(stopping)
            case Role.JUDGE:
                judge = Judge(self.work, self.paid_model, self.tools, self.signer, self.pulse)
                await Bench(judge, self.queue, id, width=width, lease_seconds=lease).run(stopping)
            case Role.PUBLISHER:
                publisher = Publisher(self.effects, self.host, self.paymaster)
                await Bench(publisher, self.queue, id, width=width, lease_seconds=lease).run(stopping)
            case _:
                assert_never(role)


class _AllDue:
    """Implements `ports.Sweep` over tasks and effects."""

    def __init__(self, system: System, lease_seconds: float) -> None:
        self._tasks = Sweeper(system.swarm, lease_seconds=lease_seconds)
        self._effects = system.effects
        self._treasury = system.treasury
        self._wallets = system.wallets
        self._lease = lease_seconds

    async def sweep(self) -> Mapping[Stage, Sequence[Ticket]]:
        """See `ports.Sweep.sweep`."""
        queues = await self._tasks.sweep()
        queues[Stage.PUBLISH] += await self._effects.sweep(self._lease)
        await self._treasury.tidy()
        await self._wallets.tidy()
        return queues
