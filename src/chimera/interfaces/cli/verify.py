"""`chimera verify`: a piece, against its signature; or money, against the chain of evidence, without a server."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from typer.core import TyperGroup

from chimera.domain import evidence
from chimera.domain.evidence import GENESIS, Event
from chimera.interfaces.cli.client import call, err, fail, out, say

if TYPE_CHECKING:
    from typer._click.core import Command, Context

LONGEST_LINE = 4 << 20
"""Characters that a line of an export may have; a longer one is none."""

_SHOWN = 100


class _PieceFirst(TyperGroup):
    """`chimera verify X` is `chimera verify piece X`, as it was before money could be verified."""

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["piece", *args]
        return super().resolve_command(ctx, args)


verify = typer.Typer(
    cls=_PieceFirst,
    help="Whether a piece, or a budget, is what it claims to be; exit code 1 when not.",
    no_args_is_help=True,
)


def install(app: typer.Typer) -> None:
    """Add this command."""
    app.add_typer(verify, name="verify")


@verify.command("piece")
def piece(piece: Annotated[str, typer.Argument(help="An asset's id, or the address of a post.")]) -> None:
    """Whether a piece is what was approved and signed. 'chimera verify PIECE' does the same."""
    answer = call("GET", f"/v1/verify?piece={piece}")
    say(answer, True)
    if not isinstance(answer, dict) or not answer.get("holds"):
        err.print("[red]✗[/] this is not what was signed")
        raise typer.Exit(1)
    err.print("[green]✓[/] content and signature hold")


@verify.command("budget")
def budget(
    file: Annotated[str, typer.Argument(help="An export of the evidence; '-' for standard input.")],
    head: Annotated[str | None, typer.Option(help="The hash that the chain must end with.")] = None,
) -> None:
    """Recompute every hash, limit and decision of an export; it takes no server and no database."""
    with _opened(file) as lines:
        chain = _Chain(lines)
        problems = evidence.check(chain.events())
    problems = [*chain.unreadable, *problems]
    if not chain.count and not problems:
        problems.append("there is no event in it")
    if head is not None and chain.head != head:
        problems.append(f"the chain ends with {chain.head}, not with {head}: it is another one, or was cut")
    for problem in problems[:_SHOWN]:
        err.print(f"[red]✗[/] {escape(problem)}", soft_wrap=True)
    if problems:
        fail(f"{chain.count} events, {len(problems)} problems: this is not what was decided")
    out.print(f"{chain.count} events, chain holds, head hash {chain.head}", soft_wrap=True)


class _Chain:
    """The events of an export, one at a time; what cannot be read is remembered and passed over."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.count = 0
        self.head = GENESIS
        self.unreadable: list[str] = []

    def events(self) -> Iterator[Event]:
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            try:
                event = Event.model_validate_json(line)
            except ValidationError as error:
                self.unreadable.append(f"line {number}: is no event: {error.errors()[0]['msg'][:200]}")
                continue
            self.count += 1
            self.head = event.hash
            yield event


@contextmanager
def _opened(file: str) -> Iterator[Iterable[str]]:
    try:
        if file == "-":
            yield _bounded(sys.stdin)
            return
        with Path(file).open(encoding="utf-8") as text:
            yield _bounded(text)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}", "Make it with 'chimera books export --format evidence'.")


def _bounded(text: IO[str]) -> Iterator[str]:
    """Its lines, none of which is held whole when it is too long to be an event."""
    while line := text.readline(LONGEST_LINE):
        yield line
