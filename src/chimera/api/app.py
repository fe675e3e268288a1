"""The application: API and board in one process, any number of which can run (ORC-2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import get_args

from fastapi import FastAPI

from chimera.api import auth as callers
from chimera.api import problems
from chimera.audit import routes as transparency
from chimera.board import pages as board
from chimera.campaigns import routes as campaigns
from chimera.fleet import routes as fleet
from chimera.money.routes import books, money, settling, wallets
from chimera.provenance import routes as provenance
from chimera.provenance.page import verify as verifying
from chimera.review.routes import approvals as review
from chimera.review.routes import quality, recovery
from chimera.tasks import routes as tasks
from chimera.wiring import System


def _gate(annotation: object) -> board.Gate:
    """The dependency inside one of the callers' annotations, so that the board's gates are the API's."""
    gate: board.Gate = get_args(annotation)[1].dependency
    return gate


GATES = board.Gates(
    cookie=callers.COOKIE,
    caller=_gate(callers.Anyone),
    review=_gate(callers.Reviewer),
    operate=_gate(callers.Operator),
    author=_gate(callers.Author),
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
    app.state.system = system
    problems.install(app)
    for room in (
        tasks,
        campaigns,
        review,
        recovery,
        quality,
        money,
        settling,
        books,
        wallets,
        transparency,
        provenance,
        fleet,
    ):
        app.include_router(room.router)
    verifying.install(app)
    app.state.live = board.install(app, system, GATES)
    return app
