"""Commands about money: the books, exports and their verification, limits, flags, and what was authorised."""

import uuid
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer
from pydantic import JsonValue
from rich.markup import escape
from rich.table import Table

from chimera.cli.client import call, out, rows, save, say, show

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Id = Annotated[str, typer.Argument(help="Its id, as the list has it.")]
Mark = Annotated[str, typer.Argument(metavar="HASH", help="The budget_verification_hash.")]
Amount = Annotated[str | None, typer.Option(help="What was spent, like '12.5 USDC'; all of it when left out.")]
Reference = Annotated[str, typer.Option(help="What shows it: an invoice, a transaction.")]
First = Annotated[str | None, typer.Option("--from", help="First day, like 2026-02-01.")]
Last = Annotated[str | None, typer.Option("--to", help="Last day, included.")]

books = typer.Typer(help="The books: statements, burn-down, exports.", no_args_is_help=True)
flags = typer.Typer(help="Spends that looked suspicious.", no_args_is_help=True)
limits = typer.Typer(help="The spend limits, and changes of them that wait for a second operator.")
spends = typer.Typer(help="What was asked of the CFO Judge.", no_args_is_help=True)


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


@books.command("show")
def show_books(
    agent: Annotated[str | None, typer.Option(help="Only this influencer, by its agent_id.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign, by its id.")] = None,
    first: First = None,
    last: Last = None,
    as_json: AsJson = False,
) -> None:
    """Balance, profit and loss: opening, movements, closing, and what is pending."""
    query = {"agent_id": agent, "campaign_id": campaign, "from": first, "to": last}
    found = call("GET", f"/v1/books?{urlencode({name: value for name, value in query.items() if value})}")
    if as_json or not isinstance(found, dict):
        say(found, True)
        return
    out.print(f"[bold]{escape(str(found['name']))}[/] {found['first']} to {found['last']} ({found['time_zone']})")
    for statement in rows(found["statements"]):
        table = Table("section", "name", "opening", "movement", "closing", title=f"{statement['currency']}")
        for line in [*rows(statement["lines"]), *rows([statement["pending"], statement["result"]])]:
            table.add_row(*(escape(str(line[each])) for each in ("section", "name", "opening", "movement", "closing")))
        out.print(table)


@books.command("burn")
def burn(as_json: AsJson = False) -> None:
    """How the limits are used up, and when they will be at this rate."""
    found = call("GET", "/v1/books/burn-down")
    if as_json:
        say(found, True)
        return
    table = Table("limit", "span", "used", "of", "currency", "outlook", "used up at")
    for each in rows(found):
        limit, points = each["limit"], rows(each["points"])
        assert isinstance(limit, dict)
        used = points[-1]["used"] if points else "0"
        facts = (each["name"], limit["span"], used, limit["limit_amount"], limit["currency"], each["outlook"])
        table.add_row(*(escape(str(fact)) for fact in facts), str(each["exhausted_at"] or ""))
    out.print(table)


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


@limits.command("changes")
def list_changes(as_json: AsJson = False) -> None:
    """Changes that loosen a limit, newest first."""
    columns = ["change_id", "scope", "scope_key", "limits", "status", "proposed_by", "decided_by"]
    show(call("GET", "/v1/limit-changes"), as_json, columns)


@limits.command("confirm")
def confirm(change_id: Id) -> None:
    """Put a looser limit in force; it takes another operator than the one who proposed it."""
    call("POST", f"/v1/limit-changes/{change_id}/confirm")


@limits.command("withdraw")
def withdraw(change_id: Id) -> None:
    """Let a change fall."""
    call("POST", f"/v1/limit-changes/{change_id}/withdraw")


@flags.command("list")
def list_flags(as_json: AsJson = False) -> None:
    """Suspicious spends with the reasons, newest first."""
    columns = ["flag_id", "payee", "amount", "currency", "purpose", "reasons", "status", "decided_by"]
    show(call("GET", "/v1/flags"), as_json, columns)


@flags.command("accept")
def accept(flag_id: Id) -> None:
    """Let one spend like the flagged one through, within all limits."""
    call("POST", f"/v1/flags/{flag_id}/accept")


@flags.command("dismiss")
def dismiss(flag_id: Id) -> None:
    """Leave it refused."""
    call("POST", f"/v1/flags/{flag_id}/dismiss")


@spends.command("list")
def list_spends(
    doubt: Annotated[bool, typer.Option("--doubt", help="Only what nobody knows the end of.")] = False,
    as_json: AsJson = False,
) -> None:
    """The latest requests and how they stand."""
    found = call("GET", "/v1/spends?doubt=true" if doubt else "/v1/spends")
    if as_json:
        say(found, True)
        return
    told: list[JsonValue] = []
    for row in rows(found):
        request, answer = row["request"], row["answer"]
        assert isinstance(request, dict) and isinstance(answer, dict)
        told.append({**row, "amount": request.get("token_amount"), "why": row["doubt"] or answer.get("details")})
    show(told, False, ["reservation_id", "status", "amount", "why", "created_at"])


@spends.command("settle")
def settle_doubt(reservation_id: Id, amount: Amount = None, reference: Reference = "", as_json: AsJson = False) -> None:
    """Close a spend in doubt by hand: it was spent."""
    say(call("POST", f"/v1/spends/{reservation_id}/settle", {"amount": amount, "reference": reference}), as_json)


@spends.command("void")
def void_doubt(reservation_id: Id, as_json: AsJson = False) -> None:
    """Close a spend in doubt by hand: nothing was spent."""
    say(call("POST", f"/v1/spends/{reservation_id}/void"), as_json)


def authorize(
    amount: Annotated[str, typer.Argument(help="Like '50 USDC'.")],
    wallet: str,
    purpose: str,
    key: Annotated[str | None, typer.Option(help="Idempotency-Key; a fresh one when left out.")] = None,
) -> None:
    """Ask the CFO Judge for money: authorised, or refused with the figures and exit code 1."""
    body: JsonValue = {"destination_wallet": wallet, "token_amount": amount, "purpose": purpose}
    say(call("POST", "/v1/transactions/authorize", body, {"Idempotency-Key": key or uuid.uuid4().hex}), True)


def settle(mark: Mark, amount: Amount = None, reference: Reference = "", as_json: AsJson = False) -> None:
    """Say what was spent of an authorisation."""
    say(call("POST", f"/v1/authorizations/{mark}/settle", {"amount": amount, "reference": reference}), as_json)


def void(mark: Mark, as_json: AsJson = False) -> None:
    """Say that nothing was spent of an authorisation: the money is free again."""
    say(call("POST", f"/v1/authorizations/{mark}/void"), as_json)
