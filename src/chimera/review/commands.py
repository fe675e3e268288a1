"""Commands about the Judge: its calibration, and the audits of what it approved by itself."""

from typing import Annotated
from urllib.parse import urlencode

import typer
from pydantic import JsonValue
from rich.markup import escape
from rich.table import Table

from chimera.cli.client import call, out, say, show
from chimera.review.rules.shares import in_words, percent
from chimera.review.types.quality import Calibration

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Id = Annotated[str, typer.Argument(help="The audit's id, as the list has it.")]
Note = Annotated[str | None, typer.Option(help="Why; it is kept with the verdict.")]

judge = typer.Typer(help="The Judge's scores against human verdicts, and audits of what it approved by itself.")


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(judge, name="judge")


@judge.callback(invoke_without_command=True)
def calibration(
    context: typer.Context,
    agent: Annotated[str | None, typer.Option(help="Only this influencer, by its agent_id.")] = None,
    days: Annotated[int | None, typer.Option(help="Only verdicts of so many days back.")] = None,
    as_json: AsJson = False,
) -> None:
    """How far the Judge's scores are from what humans said; sub-commands list and decide audits."""
    if context.invoked_subcommand is not None:
        return
    query = urlencode({name: value for name, value in {"agent_id": agent, "days": days}.items() if value})
    found = call("GET", f"/v1/judge/calibration{'?' if query else ''}{query}")
    if as_json:
        say(found, True)
        return
    told = Calibration.model_validate(found)
    table = Table("score", "pieces", "mean score", "found good", "95 % interval")
    for each in told.bins:
        if each.good.whole and each.mean_score is not None:
            interval = f"{percent(each.good.low)} to {percent(each.good.high)}"
            edges = f"{each.low:.2f} to {each.high:.2f}"
            found_good = f"{each.good.part} = {percent(each.good.share)}"
            table.add_row(edges, str(each.good.whole), f"{each.mean_score:.2f}", found_good, interval)
    out.print(table)
    figures = {
        "found good by humans": in_words(told.good),
        "Brier score": _figure(told.brier),
        "expected calibration error": _figure(told.expected_error),
        f"not good, yet scored {told.bounds.approve:.2f} or above": in_words(told.false_approvals),
        f"good, yet scored below {told.bounds.review:.2f}": in_words(told.false_rejections),
        "approved by the Judge alone, audited and found good": in_words(told.audits),
    }
    for name, value in figures.items():
        out.print(f"[bold]{escape(name)}[/] {escape(value)}", soft_wrap=True)


@judge.command("audits")
def audits(
    status: Annotated[str, typer.Option(help="waiting, agreed or disagreed.")] = "waiting", as_json: AsJson = False
) -> None:
    """Pieces that were drawn for a human to look at."""
    columns = ["audit_id", "persona", "score", "parts", "status", "decided_by", "note"]
    show(call("GET", f"/v1/judge/audits?{urlencode({'status': status})}"), as_json, columns)


@judge.command("agree")
def agree(audit_id: Id, note: Note = None) -> None:
    """Say that the Judge was right to approve it."""
    call("POST", f"/v1/judge/audits/{audit_id}/agree", _remark(note))


@judge.command("disagree")
def disagree(audit_id: Id, note: Note = None) -> None:
    """Say that it should not have been approved; nothing is unpublished by it."""
    call("POST", f"/v1/judge/audits/{audit_id}/disagree", _remark(note))


def _remark(note: str | None) -> JsonValue:
    return {"note": note}


def _figure(value: float | None) -> str:
    return "nothing known yet" if value is None else f"{value:.3f}"
