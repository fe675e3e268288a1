"""The application: API and board in one process, any number of which can run (ORC-2)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from chimera.interfaces.api import campaigns, fleet, money, problems, review, tasks
from chimera.wiring import System


def create_app(system: System) -> FastAPI:
    """An application on a wired system, which it opens and closes."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await system.open()
        yield
        await system.close()

    app = FastAPI(
        title="Chimera",
        version=version("chimera"),
        summary="Fleets of autonomous AI influencers that people can trust with an audience and with money.",
        lifespan=lifespan,
        responses=problems.RESPONSES,
    )
    app.state.system = system
    problems.install(app)
    for room in (tasks, campaigns, review, money, fleet):
        app.include_router(room.router)
    return app
