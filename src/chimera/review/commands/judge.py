"""Commands about the Judge: its calibration, and the audits of what it approved by itself."""

from typing import Annotated

import typer
from pydantic import JsonValue
from rich.markup import escape
from rich.table import Table

from chimera.cli.client import out
from chimera.cli.rooms import AsJson, Note, OfInfluencer, Room, Shown, asks, table
from chimera.review.rules.shares import in_words, percent
from chimera.review.types.quality import Calibration

judge = Room(
    "The Judge's scores against human verdicts, and audits of what it approved by itself.", no_args_is_help=False
)

AuditId = Annotated[str, typer.Argument(help="The audit's id, as the list has it.")]


def _calibrated(found: JsonValue) -> None:
    told = Calibration.model_validate(found)
    bins = Table("score", "pieces", "mean score", "found good", "95 % interval")
    for each in told.bins:
        if each.good.whole and each.mean_score is not None:
            interval = f"{percent(each.good.low)} to {percent(each.good.high)}"
            edges = f"{each.low:.2f} to {each.high:.2f}"
            found_good = f"{each.good.part} = {percent(each.good.share)}"
            bins.add_row(edges, str(each.good.whole), f"{each.mean_score:.2f}", found_good, interval)
    out.print(bins)
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


@asks("GET /v1/judge/calibration", Shown(_calibrated))
def _calibration(
    agent: OfInfluencer = None,
    days: Annotated[int | None, typer.Option(help="Only verdicts of so many days back.")] = None,
) -> JsonValue:
    return {"agent_id": agent, "days": days}


@judge.callback(invoke_without_command=True)
def calibration(
    context: typer.Context,
    agent: OfInfluencer = None,
    days: Annotated[int | None, typer.Option(help="Only verdicts of so many days back.")] = None,
    as_json: AsJson = False,
) -> None:
    """How far the Judge's scores are from what humans said; sub-commands list and decide audits."""
    if context.invoked_subcommand is None:
        _calibration(agent=agent, days=days, as_json=as_json)


@judge.asks(
    "audits",
    "GET /v1/judge/audits",
    table("audit_id", "persona", "score", "parts", "status", "decided_by", "note"),
)
def audits(status: Annotated[str, typer.Option(help="waiting, agreed or disagreed.")] = "waiting") -> JsonValue:
    """Pieces that were drawn for a human to look at."""
    return {"status": status}


@judge.asks("agree", "POST /v1/judge/audits/{audit_id}/agree")
def agree(audit_id: AuditId, note: Note = None) -> JsonValue:
    """Say that the Judge was right to approve it."""
    return {"note": note}


@judge.asks("disagree", "POST /v1/judge/audits/{audit_id}/disagree")
def disagree(audit_id: AuditId, note: Note = None) -> JsonValue:
    """Say that it should not have been approved; nothing is unpublished by it."""
    return {"note": note}


def _figure(value: float | None) -> str:
    return "nothing known yet" if value is None else f"{value:.3f}"
