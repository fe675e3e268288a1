"""Commands that run a part of Chimera: `work`, `migrate`. As a program (`python -m chimera.cli.server_commands work
ROLE`) it is what a supervisor starts: the same as `chimera work ROLE`."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console

from chimera import telemetry
from chimera.cli import processes as running
from chimera.cli.main import main
from chimera.database.schema_version import bring_up_to_date
from chimera.personas.rules import explain
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring.laptop import services
from chimera.wiring.role_process import RoleProcess
from chimera.wiring.roles import serve_apart
from chimera_protocol.errors import ChimeraError

console = Console(stderr=True, highlight=False)


def work(roles: Annotated[list[Role], typer.Argument(help="Which roles to work in.")]) -> None:
    """Work in one or more roles, beside a running Chimera or against configured services."""
    run(_work(settings(), roles))


def migrate() -> None:
    """Bring the database's schema up to date."""
    run(_migrate(settings()))


def settings() -> Settings:
    """The settings from the environment; what does not fit is said and ends the program."""
    try:
        return Settings()
    except ValidationError as error:
        console.print(f"[red]CHIMERA_… settings do not fit:[/] {explain(error)}")
        raise typer.Exit(2) from error


def run(main: Coroutine[None, None, int]) -> int:
    """Run to the end; a known error becomes one clear line and exit code 1."""
    try:
        return uvloop.run(main)
    except (ChimeraError, OSError) as error:
        remedy = f"\n  {error.remedy}" if isinstance(error, ChimeraError) else ""
        console.print(f"[red]chimera:[/] {error}{remedy}", soft_wrap=True)
        raise typer.Exit(1) from error


async def _work(given: Settings, roles: list[Role]) -> int:
    telemetry.configure(given.log_level, traces=given.traces)
    known = running.Address.read(given.state)
    if known is not None:
        given = given.model_copy(
            update={
                "database_url": given.database_url or known.database_url,
                "redis_url": given.redis_url or known.redis_url,
            }
        )
    stopping = asyncio.Event()
    with running.stop_on_signals(stopping):
        watching = asyncio.create_task(running.stop_with_parent(stopping))
        try:
            await serve_apart(RoleProcess(given), roles, stopping)
        finally:
            stopping.set()
            await watching
    return 0


async def _migrate(given: Settings) -> int:
    telemetry.configure(given.log_level)
    if given.database_url is not None:
        await bring_up_to_date(given.database_url)
    else:
        async with services(given.model_copy(update={"wallets": False})):
            pass
    console.print("The schema is up to date.")
    return 0


if __name__ == "__main__":
    main()
