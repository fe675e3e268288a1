"""Commands about money: the books, exports and their verification, limits, flags, and what was authorised."""

import uuid
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.markup import escape
from rich.table import Table

from chimera.cli.client import call, out, rows, save, show
from chimera.cli.rooms import FIELDS, JSON, AsJson, Id, OfCampaign, OfInfluencer, Room, Sent, Shown, asks, table

Mark = Annotated[str, typer.Argument(metavar="HASH", help="The budget_verification_hash.")]
Amount = Annotated[str | None, typer.Option(help="What was spent, like '12.5 USDC'; all of it when left out.")]
Reference = Annotated[str, typer.Option(help="What shows it: an invoice, a transaction.")]
First = Annotated[str | None, typer.Option("--from", help="First day, like 2026-02-01.")]
Last = Annotated[str | None, typer.Option("--to", help="Last day, included.")]

books = Room("The books: statements, burn-down, exports.")
flags = Room("Spends that looked suspicious.")
limits = Room("The spend limits, and changes of them that wait for a second operator.", no_args_is_help=False)
spends = Room("What was asked of the CFO Judge.")


class Format(StrEnum):
    """What an export is for: spreadsheets, accountants, auditors."""

    CSV = "csv"
    BEANCOUNT = "beancount"
    EVIDENCE = "evidence"


_FILES = {
    Format.CSV: "journal.csv",
    Format.BEANCOUNT: "journal.beancount",
    Format.EVIDENCE: "evidence.jsonl",
}


def _statements(found: JsonValue) -> None:
    assert isinstance(found, dict)
    out.print(f"[bold]{escape(str(found['name']))}[/] {found['first']} to {found['last']} ({found['time_zone']})")
    for statement in rows(found["statements"]):
        lines = Table("section", "name", "opening", "movement", "closing", title=f"{statement['currency']}")
        for line in [*rows(statement["lines"]), *rows([statement["pending"], statement["result"]])]:
            lines.add_row(*(escape(str(line[each])) for each in ("section", "name", "opening", "movement", "closing")))
        out.print(lines)


@books.asks("show", "GET /v1/books", Shown(_statements))
def show_books(
    agent: OfInfluencer = None, campaign: OfCampaign = None, first: First = None, last: Last = None
) -> JsonValue:
    """Balance, profit and loss: opening, movements, closing, and what is pending."""
    return {"agent_id": agent, "campaign_id": campaign, "from": first, "to": last}


def _burned(found: JsonValue) -> None:
    told: list[JsonValue] = []
    for each in rows(found):
        limit, points = each["limit"], rows(each["points"])
        assert isinstance(limit, dict)
        used = points[-1]["used"] if points else "0"
        facts = {"limit": each["name"], "span": limit["span"], "used": used, "of": limit["limit_amount"]}
        ending = {"currency": limit["currency"], "outlook": each["outlook"], "used up at": each["exhausted_at"]}
        told.append({**facts, **ending})
    show(told, False, ["limit", "span", "used", "of", "currency", "outlook", "used up at"])


@books.asks("burn", "GET /v1/books/burn-down", Shown(_burned))
def burn() -> None:
    """How the limits are used up, and when they will be at this rate."""


@books.command("export")
def export(
    format: Annotated[Format, typer.Option(help="For spreadsheets, accountants or auditors.")],
    output: Annotated[Path | None, typer.Option(help="Where to; standard output when left out.")] = None,
) -> None:
    """Take the books away: the journal as CSV or for beancount, or the evidence for `chimera verify budget`."""
    save(f"/v1/books/{_FILES[format]}", output)


@limits.callback(invoke_without_command=True)
def list_limits(context: typer.Context, as_json: AsJson = False) -> None:
    """The spend limits and what is used of them; sub-commands decide about changes."""
    if context.invoked_subcommand is None:
        columns = ["scope", "span", "currency", "limit_amount", "reserved", "spent"]
        show(call("GET", "/v1/limits"), as_json, columns)


@limits.asks(
    "changes",
    "GET /v1/limit-changes",
    table("change_id", "scope", "scope_key", "limits", "status", "proposed_by", "decided_by"),
)
def list_changes() -> None:
    """Changes that loosen a limit, newest first."""


@limits.asks("confirm", "POST /v1/limit-changes/{change_id}/confirm")
def confirm(change_id: Id) -> None:
    """Put a looser limit in force; it takes another operator than the one who proposed it."""


@limits.asks("withdraw", "POST /v1/limit-changes/{change_id}/withdraw")
def withdraw(change_id: Id) -> None:
    """Let a change fall."""


@flags.asks(
    "list",
    "GET /v1/flags",
    table("flag_id", "payee", "amount", "currency", "purpose", "reasons", "status", "decided_by"),
)
def list_flags() -> None:
    """Suspicious spends with the reasons, newest first."""


@flags.asks("accept", "POST /v1/flags/{flag_id}/accept")
def accept(flag_id: Id) -> None:
    """Let one spend like the flagged one through, within all limits."""


@flags.asks("dismiss", "POST /v1/flags/{flag_id}/dismiss")
def dismiss(flag_id: Id) -> None:
    """Leave it refused."""


def _asked(found: JsonValue) -> None:
    told: list[JsonValue] = []
    for row in rows(found):
        request, answer = row["request"], row["answer"]
        assert isinstance(request, dict) and isinstance(answer, dict)
        told.append({**row, "amount": request.get("token_amount"), "why": row["doubt"] or answer.get("details")})
    show(told, False, ["reservation_id", "status", "amount", "why", "created_at"])


@spends.asks("list", "GET /v1/spends", Shown(_asked))
def list_spends(
    doubt: Annotated[bool, typer.Option("--doubt", help="Only what nobody knows the end of.")] = False,
) -> JsonValue:
    """The latest requests and how they stand."""
    return {"doubt": "true"} if doubt else None


@spends.asks("settle", "POST /v1/spends/{reservation_id}/settle", FIELDS)
def settle_doubt(reservation_id: Id, amount: Amount = None, reference: Reference = "") -> JsonValue:
    """Close a spend in doubt by hand: it was spent."""
    return {"amount": amount, "reference": reference}


@spends.asks("void", "POST /v1/spends/{reservation_id}/void", FIELDS)
def void_doubt(reservation_id: Id) -> None:
    """Close a spend in doubt by hand: nothing was spent."""


@asks("POST /v1/transactions/authorize", JSON)
def authorize(
    amount: Annotated[str, typer.Argument(help="Like '50 USDC'.")],
    wallet: str,
    purpose: str,
    key: Annotated[str | None, typer.Option(help="Idempotency-Key; a fresh one when left out.")] = None,
) -> Sent:
    """Ask the CFO Judge for money: authorised, or refused with the figures and exit code 1."""
    body: JsonValue = {"destination_wallet": wallet, "token_amount": amount, "purpose": purpose}
    return Sent(body, {"Idempotency-Key": key or uuid.uuid4().hex})


@asks("POST /v1/authorizations/{mark}/settle", FIELDS)
def settle(mark: Mark, amount: Amount = None, reference: Reference = "") -> JsonValue:
    """Say what was spent of an authorisation."""
    return {"amount": amount, "reference": reference}


@asks("POST /v1/authorizations/{mark}/void", FIELDS)
def void(mark: Mark) -> None:
    """Say that nothing was spent of an authorisation: the money is free again."""
