"""The application: API and board in one process, any number of which can run (ORC-2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from uuid import UUID

from fastapi import FastAPI

from chimera.accounts import routes as accounts
from chimera.accounts.service import AccountService
from chimera.api import problems
from chimera.api.services import Services
from chimera.api.uploads import Intake
from chimera.audit import page as audit_page
from chimera.audit import routes as audit
from chimera.audit.reads import AuditReads
from chimera.audit.service.log import LogService
from chimera.board import install as board
from chimera.board.names import CampaignNames, InfluencerNames, NamedCampaign
from chimera.board.rendering import Renderer
from chimera.campaigns import page as campaigns_page
from chimera.campaigns import routes as campaigns
from chimera.campaigns.reads import CampaignReads
from chimera.campaigns.service import CampaignService
from chimera.fleet import page as fleet_page
from chimera.fleet import routes as fleet
from chimera.fleet.reads import FleetReads
from chimera.fleet.service import FleetService, HealthService, OverviewService
from chimera.gateways.mcp.types import ToolCatalogue, ToolList
from chimera.money.page import ledger as ledger_page
from chimera.money.reads import MoneyReads
from chimera.money.routes import books, money, settling, wallets
from chimera.money.service.books import BookService
from chimera.money.service.limits import LimitService
from chimera.money.service.settlement import SettlementService
from chimera.money.service.spends import SpendService
from chimera.money.service.wallets import WalletService
from chimera.personas.reads import PersonaReads
from chimera.provenance import routes as provenance
from chimera.provenance.page import assets as provenance_page
from chimera.provenance.page import verify as verify_page
from chimera.provenance.reads import ProvenanceReads
from chimera.provenance.service.verification import VerificationService
from chimera.review.page import approvals as approvals_page
from chimera.review.page import quality as quality_page
from chimera.review.page import questions as questions_page
from chimera.review.reads import ReviewReads
from chimera.review.routes import approvals, quality, questions
from chimera.review.service.approvals import ReviewService
from chimera.review.service.quality import QualityService
from chimera.review.service.questions import QuestionService
from chimera.roles import prompts
from chimera.tasks import routes as tasks
from chimera.tasks.page import dead_letters as dead_letters_page
from chimera.tasks.page import lineage as lineage_page
from chimera.tasks.page import tasks as tasks_page
from chimera.tasks.reads import TaskReads
from chimera.tasks.service.admission import WRITE, Admission
from chimera.tasks.service.dispatch import TaskService
from chimera.wiring.anchoring import late_anchors
from chimera.wiring.system import System

ROUTERS = (
    tasks.router,
    tasks.letter_router,
    tasks.lineage_router,
    campaigns.router,
    accounts.router,
    accounts.key_router,
    approvals.router,
    questions.router,
    quality.router,
    money.router,
    settling.router,
    books.router,
    wallets.router,
    audit.router,
    audit.trail_router,
    provenance.router,
    provenance.piece_router,
    fleet.router,
)


PAGES = (
    fleet_page.PAGES,
    approvals_page.PAGES,
    questions_page.PAGES,
    quality_page.PAGES,
    campaigns_page.PAGES,
    tasks_page.PAGES,
    dead_letters_page.PAGES,
    lineage_page.PAGES,
    provenance_page.PAGES,
    ledger_page.PAGES,
    audit_page.PAGES,
)


def create_app(system: System) -> FastAPI:
    """An application on a wired system, which it opens and closes."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await system.open()
        yield
        await app.state.live.close()
        await system.close()

    app = FastAPI(
        title="Chimera",
        version=version("chimera"),
        summary="Fleets of autonomous AI influencers that people can trust with an audience and with money.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere: the document itself is enough
        redoc_url=None,
        responses=problems.RESPONSES,
    )
    services = offered(system)
    app.state.services = services
    app.state.authenticate = system.accounts.authenticate
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.state.intake = Intake()
    app.include_router(verify_page.router)
    app.state.live = board.install(app, Renderer(services, PAGES), PAGES)
    return app


def offered(system: System) -> Services:
    """What routes and pages can ask for."""
    services = Services()
    services.offer(AccountService, lambda: system.accounts)
    services.offer(CampaignService, lambda: system.campaigns)
    services.offer(TaskService, lambda: system.desk)
    services.offer(ReviewService, lambda: system.review)
    services.offer(QualityService, lambda: system.quality)
    services.offer(QuestionService, lambda: system.questions)
    services.offer(VerificationService, lambda: system.proofs)
    services.offer(LogService, lambda: system.transparency)
    services.offer(FleetService, lambda: system.fleet)
    services.offer(CampaignNames, lambda: CampaignNames(newest, system.reads.campaign))
    services.offer(InfluencerNames, lambda: InfluencerNames(people))
    _offer_reads(services, system)
    _offer_money(services, system)

    async def newest(tenant_id: UUID, limit: int) -> list[NamedCampaign]:
        return list((await system.reads.campaigns(tenant_id, limit)).items)

    async def people(tenant_id: UUID, limit: int) -> dict[UUID, str]:
        found = await system.reads.influencers(tenant_id, limit)
        return {one.agent_id: one.persona for one in found.items}

    def tools() -> ToolCatalogue:
        found = system.host.catalogue.items()
        return ToolCatalogue([ToolList(server=name, reads=one.reads, acts=one.acts) for name, one in found])

    def admission() -> Admission:
        bound = system.settings.queue_bound
        return Admission(tools(), system.queue, bound=bound, write_version=prompts.version(WRITE))

    health = HealthService(
        system.fleet,
        lease_seconds=system.settings.lease_seconds,
        open_breakers=lambda: system.throttle.open(sorted(system.host.catalogue)),
        redis_answers=system.redis_answers,
        late_anchors=lambda: late_anchors(system.settings, system.host, system.transparency),
    )
    services.offer(ToolCatalogue, tools)
    services.offer(Admission, admission)
    services.offer(HealthService, lambda: health)
    services.offer(OverviewService, partial(OverviewService, *(system.reads,) * 4, health))
    return services


def _offer_reads(services: Services, system: System) -> None:
    services.offer(PersonaReads, lambda: system.reads)
    services.offer(CampaignReads, lambda: system.reads)
    services.offer(TaskReads, lambda: system.reads)
    services.offer(ReviewReads, lambda: system.reads)
    services.offer(MoneyReads, lambda: system.reads)
    services.offer(ProvenanceReads, lambda: system.reads)
    services.offer(AuditReads, lambda: system.reads)
    services.offer(FleetReads, lambda: system.reads)


def _offer_money(services: Services, system: System) -> None:
    services.offer(SpendService, lambda: SpendService(system.reads, system.cfo))
    services.offer(BookService, lambda: system.books)
    services.offer(LimitService, lambda: system.limits)
    services.offer(SettlementService, lambda: system.settling)
    services.offer(WalletService, lambda: system.wallet_desk)
