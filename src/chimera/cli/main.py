"""The `chimera` command. A sub-command is imported when it is called, so that asking for one stays quick."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click.core import Command, Context
    from typer._click.formatting import HelpFormatter


class Place(NamedTuple):
    """Where a command is found, as `module:attribute`, and what the list of commands says of it."""

    where: str
    says: str


COMMANDS = {
    "up": Place(
        "chimera.cli.laptop_commands:up", "Start everything: services, API, board and all roles, until Ctrl-C."
    ),
    "demo": Place("chimera.cli.laptop_commands:demo", "Run the example campaigns on real parts and show what happens."),
    "work": Place(
        "chimera.cli.server_commands:work",
        "Work in one or more roles, beside a running Chimera or against configured services.",
    ),
    "migrate": Place("chimera.cli.server_commands:migrate", "Bring the database's schema up to date."),
    "campaign": Place("chimera.campaigns.commands:campaigns", "Campaigns and their plans."),
    "task": Place("chimera.tasks.commands:tasks", "Tasks and their traces."),
    "approvals": Place("chimera.review.commands.waiting:approvals", "What waits for a human."),
    "questions": Place("chimera.review.commands.waiting:questions", "What nobody but a human can find out."),
    "persona": Place("chimera.personas.commands:personas", "SOUL.md files."),
    "keys": Place("chimera.accounts.commands:keys", "API keys."),
    "fleet": Place("chimera.fleet.commands:fleet", "The fleet at a glance."),
    "health": Place("chimera.fleet.commands:health", "Whether the fleet works; exit code 1 when it does not."),
    "halt": Place("chimera.fleet.commands:halt", "Stop a part of the fleet."),
    "resume": Place("chimera.fleet.commands:resume", "Lift a halt."),
    "policy": Place("chimera.accounts.commands:policy", "Show the fleet policy, or put one in force at once."),
    "text": Place(
        "chimera.provenance.commands.verify:text", "Take a piece's text away, with its content credentials in it."
    ),
    "judge": Place(
        "chimera.review.commands.judge:judge",
        "The Judge's scores against human verdicts, and audits of what it approved by itself.",
    ),
    "books": Place("chimera.money.commands.money:books", "The books: statements, burn-down, exports."),
    "flags": Place("chimera.money.commands.money:flags", "Spends that looked suspicious."),
    "limits": Place(
        "chimera.money.commands.money:limits",
        "The spend limits, and changes of them that wait for a second operator.",
    ),
    "spends": Place("chimera.money.commands.money:spends", "What was asked of the CFO Judge."),
    "authorize": Place(
        "chimera.money.commands.money:authorize",
        "Ask the CFO Judge for money: authorised, or refused with the figures and exit code 1.",
    ),
    "settle": Place("chimera.money.commands.money:settle", "Say what was spent of an authorisation."),
    "void": Place(
        "chimera.money.commands.money:void", "Say that nothing was spent of an authorisation: the money is free again."
    ),
    "wallet": Place("chimera.money.commands.wallets:wallets", "The influencers' own wallets."),
    "verify": Place(
        "chimera.provenance.commands.verify:verify",
        "Whether a piece, a file or a budget is what it claims to be; exit code 1 when not.",
    ),
    "audit": Place(
        "chimera.provenance.commands.audit:audit", "The transparency log: export it, and find what was tampered with."
    ),
}


class Catalogue(TyperGroup):
    """Names every command and has imported none of them; the one that is called is loaded."""

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        """The command that is called, itself."""
        name, named, rest = super().resolve_command(ctx, args)
        return name, load(name) if name is not None else named, rest

    def format_help(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Without the library that draws frames: the list of commands is asked for more often than all else."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """All that the catalogue says of them, uncut."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.says) for name, place in COMMANDS.items()])


def load(name: str) -> "Command":
    """A command of the catalogue, imported."""
    module, _, attribute = COMMANDS[name].where.partition(":")
    found: object = getattr(import_module(module), attribute)
    room = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    if isinstance(found, typer.Typer):
        room.add_typer(found, name=name)
        room.callback()(_loaded_when_called)
        group = get_command(room)
        assert isinstance(group, TyperGroup)
        return group.commands[name]
    assert callable(found)
    room.command(name)(found)
    return get_command(room)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chimera {version('chimera')}")
        raise typer.Exit


def _root(
    told: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Fleets of autonomous AI influencers that people can trust with an audience and with money."""


def _loaded_when_called() -> None:
    """Stands for a command in lists and completions."""


def app() -> typer.Typer:
    """The command with all its sub-commands."""
    whole = typer.Typer(name="chimera", cls=Catalogue, no_args_is_help=True, pretty_exceptions_enable=False)
    whole.callback()(_root)
    for name, place in COMMANDS.items():
        whole.command(name, help=place.says)(_loaded_when_called)
    return whole


def main() -> None:
    """Entry point."""
    app()(prog_name="chimera")


if __name__ == "__main__":
    main()
