"""The command line: `up`, `demo`, `work` run Chimera; everything else talks to its API."""

import sys
from importlib import import_module

import typer

_RUNNING = frozenset({"up", "demo", "work", "migrate"})


def main() -> None:
    """Entry point. Commands that only talk to the API do not pay for loading the swarm."""
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    rooms = ["serving"] if wanted in _RUNNING else ["remote"] if wanted else ["serving", "remote"]
    app = typer.Typer(
        name="chimera",
        help="Fleets of autonomous AI influencers that people can trust with an audience and with money.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    for room in rooms:
        import_module(f"chimera.interfaces.cli.{room}").install(app)
    app()
