"""The `chimera` command. What runs Chimera is a program of its own, so that asking it something stays quick."""

import os
import sys

import typer

from chimera.audit import commands as audit
from chimera.cli import client_commands as remote
from chimera.money.commands import money, wallets
from chimera.provenance import commands as verify
from chimera.review import commands as quality

_RUNNERS = {
    "up": "Start everything: services, API, board and all roles, until Ctrl-C.",
    "demo": "Run the example campaigns on real parts and show what happens.",
    "work": "Work in one or more roles, beside a running Chimera or against configured services.",
    "migrate": "Bring the database's schema up to date.",
}


def main() -> None:
    """Entry point."""
    app()()


def app() -> typer.Typer:
    """The command with all its sub-commands."""
    whole = typer.Typer(
        name="chimera",
        help="Fleets of autonomous AI influencers that people can trust with an audience and with money.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    passing_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    for name, told in _RUNNERS.items():
        whole.command(name, help=told, context_settings=passing_on)(_become_the_runner)
    for room in (remote, quality, money, wallets, verify, audit):
        room.install(whole)
    return whole


def _become_the_runner() -> None:
    os.execv(sys.executable, [sys.executable, "-m", "chimera.cli.server_commands", *sys.argv[1:]])
