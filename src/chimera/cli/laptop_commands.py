"""Commands that run all of Chimera on this machine: `up`, `demo`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from chimera import telemetry
from chimera.cli import processes as running
from chimera.cli.demo import Demo
from chimera.cli.server_commands import console, run, settings
from chimera.cli.serving import open_door, serving
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import StateLock, System, services
from chimera.wiring.roles import serve

Separate = Annotated[bool, typer.Option("--separate", help="Run each role in a process of its own.")]
Once = Annotated[bool, typer.Option("--once", help="End when the campaigns are done; 0 only if all adds up.")]
Examples = Annotated[Path, typer.Option(help="Folder with personas, fleet.yaml, campaigns and feeds.")]


def up(separate: Separate = False) -> None:
    """Start everything: services, API, board and all roles, until Ctrl-C."""
    run(_up(settings(), separate=separate))


def demo(once: Once = False, examples: Examples = Path("examples")) -> None:
    """Run the example campaigns on real parts and show what happens."""
    raise typer.Exit(run(_demo(settings(), examples, once=once)))


async def _up(given: Settings, *, separate: bool) -> int:
    telemetry.configure(given.log_level, traces=given.traces)
    stopping = asyncio.Event()
    with running.stop_on_signals(stopping), StateLock(given.state):
        async with services(given) as found:
            system = System(found)
            async with serving(system, found.host, found.port) as url:
                address = await open_door(system, url)
                console.print(f"Chimera is up: {url}/enter?key={address.key}", soft_wrap=True)
                roles = list(Role)
                await (running.Supervisor(found, roles).run(stopping) if separate else serve(system, roles, stopping))
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
            async with serving(system, found.host, found.port) as url:
                address = await open_door(system, url)
                crew = asyncio.create_task(running.Supervisor(found, list(Role)).run(stopping))
                show = Demo(system, examples, f"{url}/enter?key={address.key}")
                try:
                    return await show.run(stopping, once=once)
                finally:
                    stopping.set()
                    await crew
