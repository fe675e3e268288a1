"""`chimera audit`: take the transparency log away, and recompute it without a server or a database (PRV-4)."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.markup import escape

from chimera.audit.types import AuditReport
from chimera.cli.client import err, fail, out, save
from chimera.provenance.rules.export import verify_export
from chimera_credentials.log import notes

LONGEST_LINE = 64 << 20
"""Characters that a line of an export may have; a longer one is none."""

EXPORT = "/v1/audit/export"

_UNPROVEN = (
    "the key was taken from the export itself: that shows that it is of one piece, not who sealed it. Give --key, which"
    " whoever runs this Chimera has told you, or --known, a checkpoint that you kept."
)

audit = typer.Typer(help="The transparency log: export it, and find what was tampered with.", no_args_is_help=True)


@audit.command("export")
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; standard output when left out.")
    ] = None,
) -> None:
    """The whole log: what was sealed, what the database says of it now, checkpoints, anchors, the chain of money."""
    save(EXPORT, output)
    if output is not None:
        err.print(f"saved to {escape(str(output))}; check it with 'chimera audit verify {escape(str(output))}'")


@audit.command("verify")
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export; left out, what the database says now.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="A public key that is trusted; may be said again.")] = None,
    known: Annotated[list[Path] | None, typer.Option(help="A checkpoint kept earlier; may be said again.")] = None,
) -> None:
    """Recompute every leaf, root, signature and anchor; name what was changed, deleted or added. Exit code 1 if so."""
    keys, kept = [_trusted(each) for each in key or []], [_read(each) for each in known or []]
    with _export(file) as lines:
        report = verify_export(lines, keys, kept)
    _tell(report)
    if not (keys or kept):
        err.print(f"[yellow]![/] {_UNPROVEN}", soft_wrap=True)
    if not report.holds:
        fail(f"{len(report.findings) + report.hidden} findings: this is not what was sealed")


def _tell(report: AuditReport) -> None:
    for finding in report.findings:
        err.print(f"[red]✗[/] {escape(str(finding))}", soft_wrap=True)
    if report.hidden:
        err.print(f"[red]✗[/] and {report.hidden} more")
    said = f"{report.leaves} rows, {report.checkpoints} checkpoints, {report.anchors} anchors"
    out.print(f"{said}, {report.money_events} money events, {report.unsealed} not sealed yet", soft_wrap=True)
    if report.head is not None and report.holds:
        at = notes.read(report.head)
        out.print(f"head {at.root} of {at.size}, sealed {at.time:%Y-%m-%d %H:%M:%S} UTC", soft_wrap=True)
    for each in report.signed_by:
        out.print(f"signed by {escape(each)}", soft_wrap=True)


@contextmanager
def _export(file: Path | None) -> Iterator[Iterator[str]]:
    """The lines of an export, or of one that is made now."""
    with tempfile.TemporaryDirectory(prefix="chimera-audit-") as folder:
        path = file
        if path is None:
            path = Path(folder) / "audit.jsonl"
            save(EXPORT, path)
        try:
            with path.open(encoding="utf-8") as text:
                yield _bounded(text)
        except (OSError, UnicodeDecodeError) as error:
            fail(f"{path} cannot be read: {error}", "Make it with 'chimera audit export'.")


def _bounded(text: IO[str]) -> Iterator[str]:
    """Its lines, none of which is held whole when it is too long to be one."""
    while line := text.readline(LONGEST_LINE):
        yield line


def _trusted(key: str) -> str:
    try:
        notes.raw_key(key)
    except ValueError as error:
        fail(f"{escape(key)} is no key: {error}", "Give it as 'chimera audit verify' names it: 'signed by …'.")
    return key


def _read(path: Path) -> str:
    try:
        note = path.read_text("utf-8")
        notes.read(note)
    except (OSError, ValueError) as error:
        fail(f"{path} holds no checkpoint: {error}", "Keep the 'note' of GET /v1/log/checkpoint, as it is.")
    return note
