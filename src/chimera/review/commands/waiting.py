"""`chimera approvals` and `chimera questions`: what waits for a human."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.markup import escape

from chimera.cli.client import out, rows
from chimera.cli.rooms import FIELDS, Id, Note, Room, Shown, table
from chimera.review.types.questions import Answered

approvals = Room("What waits for a human.")
questions = Room("What nobody but a human can find out.")


@questions.asks("list", "GET /v1/questions", table("effect_id", "persona", "server", "account", "question"))
def list_questions() -> None:
    """What may or may not be out there, and only a human can find out."""


@questions.asks("answer", "POST /v1/questions/{effect_id}/answer")
def answer(
    effect_id: Id,
    answer: Annotated[Answered, typer.Argument(help="What you have found out.")],
    url: Annotated[str | None, typer.Option(help="Where it is, when it happened.")] = None,
    note: Note = None,
) -> JsonValue:
    """Settle a question: it happened at --url; it did not, so try again or give up; or look again."""
    return {"answer": answer.value, "url": url, "note": note}


def _pieces(found: JsonValue) -> None:
    for item in rows(found):
        verdict = item["verdict"] if isinstance(item["verdict"], dict) else {}
        out.print(f"[bold]{item['approval_id']}[/] {item['persona']} [yellow]{verdict.get('score')}[/]")
        content, reasons = item["content"], verdict.get("reasons")
        for part in content if isinstance(content, list) else []:
            out.print(f"  {escape(str(part))}", soft_wrap=True)
        for reason in reasons if isinstance(reasons, list) else []:
            out.print(f"  [dim]{escape(str(reason))}[/]", soft_wrap=True)


@approvals.asks("list", "GET /v1/approvals", Shown(_pieces))
def list_approvals() -> None:
    """What waits for a human, with content, score and reasons."""


@approvals.asks("approve", "POST /v1/approvals/{approval_id}/approve")
def approve(approval_id: Id, note: Note = None) -> JsonValue:
    """Approve exactly this content."""
    return {"note": note}


@approvals.asks("reject", "POST /v1/approvals/{approval_id}/reject")
def reject(approval_id: Id, note: Note = None) -> JsonValue:
    """Reject it; the Planner has it made anew."""
    return {"note": note}


@approvals.asks("edit", "POST /v1/approvals/{approval_id}/edit")
def edit(
    approval_id: Id, text: Annotated[list[str], typer.Argument(help="The new text; one for each post.")]
) -> JsonValue:
    """Put other words in its place; they are judged again."""
    return {"content": text[0] if len(text) == 1 else [*text]}


@approvals.asks("claim", "POST /v1/approvals/{approval_id}/claim", FIELDS)
def claim(approval_id: Id) -> None:
    """Keep it from other reviewers for five minutes."""


@approvals.asks("release", "POST /v1/approvals/{approval_id}/release")
def release(approval_id: Id) -> None:
    """Let others have it."""


@approvals.asks("snooze", "POST /v1/approvals/{approval_id}/snooze")
def snooze(approval_id: Id, hours: Annotated[float, typer.Option(min=0.01, max=168)] = 1.0) -> JsonValue:
    """Put it off; it is listed again then."""
    return {"until": (datetime.now(UTC) + timedelta(hours=hours)).isoformat()}


@approvals.asks("undo", "POST /v1/approvals/{approval_id}/undo")
def undo(approval_id: Id) -> None:
    """Take your own verdict back, as long as it has not taken effect."""
