"""`chimera verify`: a piece, against its signature; a file or money, without a server; and the root to check with."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.markup import escape
from typer.core import TyperGroup

from chimera.cli.client import call, err, fail, out, save, say
from chimera.money.rules import evidence
from chimera.money.rules.evidence import GENESIS, Event
from chimera_credentials.types import FileVerdict

if TYPE_CHECKING:
    from typer._click.core import Command, Context

LONGEST_LINE = 4 << 20
"""Characters that a line of an export may have; a longer one is none."""

_SHOWN = 100
_TEXTS = {".txt", ".md"}
_READER = "chimera_credentials"
"""What reads files, as a program of its own: it loads a library that the rest of this command does without."""


class _PieceFirst(TyperGroup):
    """`chimera verify X` is `chimera verify piece X`, as it was before money could be verified."""

    def resolve_command(self, ctx: "Context", args: list[str]) -> "tuple[str | None, Command | None, list[str]]":
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["piece", *args]
        return super().resolve_command(ctx, args)


verify = typer.Typer(
    cls=_PieceFirst,
    help="Whether a piece, a file or a budget is what it claims to be; exit code 1 when not.",
    no_args_is_help=True,
)


def text(
    asset_id: str,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; else it is printed.")] = None,
) -> None:
    """Take a piece's text away, with its content credentials in it; 'chimera verify file FILE.txt' reads them."""
    save(f"/v1/assets/{asset_id}/text", output)


@verify.command("piece")
def piece(piece: Annotated[str, typer.Argument(help="An asset's id, or the address of a post.")]) -> None:
    """Whether a piece is what was approved and signed. 'chimera verify PIECE' does the same."""
    answer = call("GET", f"/v1/verify?piece={piece}")
    say(answer, True)
    if not isinstance(answer, dict) or not answer.get("holds"):
        err.print("[red]✗[/] this is not what was signed")
        raise typer.Exit(1)
    err.print("[green]✓[/] content and signature hold")


@verify.command("file")
def file(
    path: Annotated[Path, typer.Argument(help="A picture, a clip, or a text (.txt, .md).")],
    root: Annotated[
        Path | None, typer.Option(help="The certificate that is trusted (PEM); left out, this state folder's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole verdict.")] = False,
) -> None:
    """Whether a file is what was signed under a root, from its content credentials; it takes no server."""
    verdict = _read(path, _root(root))
    if as_json:
        out.print_json(verdict.model_dump_json())
    else:
        said = {
            "signed by": verdict.signed_by,
            "signed at": verdict.stamped_at,
            "manifest": verdict.manifest,
            "sha256": verdict.sha256,
        }
        for name, value in said.items():
            if value is not None:
                out.print(f"[bold]{name}[/] {escape(str(value))}", soft_wrap=True)
    mark = "[green]✓[/]" if verdict.good else "[red]✗[/]"
    err.print(f"{mark} {verdict.state.value}: {escape(' '.join(verdict.reasons))}", soft_wrap=True)
    if not verdict.good:
        raise typer.Exit(1)


@verify.command("root")
def root() -> None:
    """The certificate that files are signed under, for whoever wants to check them; it is no secret."""
    answer = call("GET", "/v1/credentials/root")
    if not isinstance(answer, dict):
        fail("the server has no root to tell of")
    sys.stdout.write(str(answer["pem"]))
    err.print(f"SHA-256 {answer['sha256']}", soft_wrap=True)


def _root(given: Path | None) -> str:
    state = Path(os.environ.get("CHIMERA_STATE", ".chimera"))
    path = given or state / "credentials" / "root.pem"
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        fail(
            f"{escape(str(path))} cannot be read: {error}",
            "Save one with 'chimera verify root', and give it as --root.",
        )


def _read(path: Path, root_pem: str) -> FileVerdict:
    try:
        with path.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        said = {"path": str(path.resolve())}
        if path.suffix in _TEXTS:
            said = {"text": path.read_bytes().decode()}
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{escape(str(path))} cannot be read: {error}")
    asked = json.dumps({**said, "sha256": sha256, "root_pem": root_pem})
    told = subprocess.run(
        [sys.executable, "-P", "-X", "utf8", "-m", _READER], input=asked, capture_output=True, text=True, check=False
    )
    if told.returncode != 0:
        fail(f"{escape(str(path))} cannot be checked: {escape(told.stderr.strip()[-500:] or 'its reader gave up')}")
    return FileVerdict.model_validate_json(told.stdout)


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
