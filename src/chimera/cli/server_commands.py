"""Commands that run Chimera on this machine: `up`, `work`, `migrate`, `demo`."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError
from rich.console import Console

from chimera import telemetry
from chimera.cli import processes as running
from chimera.cli.demo import Demo
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import EmbeddedError, StateLock, System, explain, services
from chimera.wiring.roles import serve, serve_apart
from chimera_protocol.errors import ChimeraError

console = Console(stderr=True, highlight=False)

Separate = Annotated[bool, typer.Option("--separate", help="Run each role in a process of its own.")]
Once = Annotated[bool, typer.Option("--once", help="End when the campaigns are done; 0 only if all adds up.")]
Examples = Annotated[Path, typer.Option(help="Folder with personas, fleet.yaml, campaigns and feeds.")]


def up(separate: Separate = False) -> None:
    """Start everything: services, API, board and all roles, until Ctrl-C."""
    run(_up(settings(), separate=separate))


def work(roles: Annotated[list[Role], typer.Argument(help="Which roles to work in.")]) -> None:
    """Work in one or more roles, beside a running Chimera or against configured services."""
    run(_work(settings(), roles))


def migrate() -> None:
    """Bring the database's schema up to date."""
    run(_migrate(settings()))


def demo(once: Once = False, examples: Examples = Path("examples")) -> None:
    """Run the example campaigns on real parts and show what happens."""
    raise typer.Exit(run(_demo(settings(), examples, once=once)))


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
    except (ChimeraError, EmbeddedError, OSError) as error:
        remedy = f"\n  {error.remedy}" if isinstance(error, ChimeraError) else ""
        console.print(f"[red]chimera:[/] {error}{remedy}", soft_wrap=True)
        raise typer.Exit(1) from error


async def _up(given: Settings, *, separate: bool) -> int:
    telemetry.configure(given.log_level, traces=given.traces)
    stopping = asyncio.Event()
    with running.stop_on_signals(stopping), StateLock(given.state):
        async with services(given) as found:
            system = System(found)
            async with running.serving(system, found.host, found.port) as url:
                address = await running.open_door(system, url)
                console.print(f"Chimera is up: {url}/enter?key={address.key}", soft_wrap=True)
                roles = list(Role)
                await (running.Supervisor(found, roles).run(stopping) if separate else serve(system, roles, stopping))
    return 0


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
            await serve_apart(System(given), roles, stopping)
        finally:
            stopping.set()
            await watching
    return 0


async def _migrate(given: Settings) -> int:
    telemetry.configure(given.log_level)
    async with services(given):
        console.print("The schema is up to date.")
    return 0


async def _demo(given: Settings, examples: Path, *, once: bool) -> int:
    given.state.mkdir(parents=True, exist_ok=True)
    stopping = asyncio.Event()
    with (
        running.stop_on_signals(stopping),
        StateLock(given.state),
        (given.state / "demo.log").open("a", encoding="utf-8") as log,
    ):
        telemetry.configure(given.log_level, stream=log, traces=given.traces)
        feeds = examples / "feeds" / "feeds.yaml"
        given = given.model_copy(update={"feeds": given.feeds or feeds.resolve()})
        console.print("Starting the services, the API, the board and four role processes …")
        async with services(given) as found:
            system = System(found)
            async with running.serving(system, found.host, found.port) as url:
                address = await running.open_door(system, url)
                crew = asyncio.create_task(running.Supervisor(found, list(Role)).run(stopping))
                show = Demo(system, examples, f"{url}/enter?key={address.key}")
                try:
                    return await show.run(stopping, once=once)
                finally:
                    stopping.set()
                    await crew


def main() -> None:
    """Entry point of the runner: `python -m chimera.cli.server_commands`."""
    app = typer.Typer(name="chimera", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    for command in (up, work, migrate, demo):
        app.command()(command)
    app(prog_name="chimera")


if __name__ == "__main__":
    main()
