"""Commands that talk to a running Chimera through its API; `--json` prints what it answered."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
import yaml
from pydantic import JsonValue
from rich.markup import escape

from chimera.cli.client import VALUE, call, fail, out, rows, save, say, show
from chimera.review.types.questions import Answered
from chimera.values import HaltScope, KeyRole

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
File = Annotated[Path, typer.Argument(help="YAML or JSON file.", exists=True, dir_okay=False)]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
Note = Annotated[str | None, typer.Option(help="Why; it is kept with the verdict.")]

campaigns = typer.Typer(help="Campaigns and their plans.", no_args_is_help=True)
tasks = typer.Typer(help="Tasks and their traces.", no_args_is_help=True)
approvals = typer.Typer(help="What waits for a human.", no_args_is_help=True)
questions = typer.Typer(help="What nobody but a human can find out.", no_args_is_help=True)
personas = typer.Typer(help="SOUL.md files.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)


@campaigns.command("create")
def create_campaign(file: File, as_json: AsJson = False) -> None:
    """Create a campaign from its brief."""
    say(call("POST", "/v1/campaigns", _load(file)), as_json)


@campaigns.command("list")
def list_campaigns(as_json: AsJson = False) -> None:
    """Campaigns and how far they are."""
    show(
        call("GET", "/v1/campaigns"),
        as_json,
        ["campaign_id", "persona", "name", "status", "tasks", "published"],
    )


@campaigns.command("show")
def show_campaign(campaign_id: str, as_json: AsJson = False) -> None:
    """A campaign's plan as a tree."""
    answer = call("GET", f"/v1/campaigns/{campaign_id}/plan")
    if as_json or not isinstance(answer, dict):
        say(answer, True)
        return
    out.print(f"plan by {answer['author']} ({answer['status']})")
    lines = answer["tree"]
    for line in lines if isinstance(lines, list) else []:
        out.print(escape(str(line)), soft_wrap=True)


@campaigns.command("edit")
def edit_plan(campaign_id: str, file: File) -> None:
    """Put the plan in this file in the place of the one that waits for its start."""
    call("PUT", f"/v1/campaigns/{campaign_id}/plan", _load(file))


@campaigns.command("plan")
def plan_campaign(campaign_id: str) -> None:
    """Ask the Planner for a plan."""
    call("POST", f"/v1/campaigns/{campaign_id}/plan")


@campaigns.command("start")
def start_campaign(campaign_id: str) -> None:
    """Run the plan that waits, or go on after a pause."""
    call("POST", f"/v1/campaigns/{campaign_id}/start")


@campaigns.command("pause")
def pause_campaign(campaign_id: str) -> None:
    """Stop starting work."""
    call("POST", f"/v1/campaigns/{campaign_id}/pause")


@campaigns.command("cancel")
def cancel_campaign(campaign_id: str) -> None:
    """End a campaign."""
    call("POST", f"/v1/campaigns/{campaign_id}/cancel")


@tasks.command("dispatch")
def dispatch(file: File, as_json: AsJson = False) -> None:
    """Dispatch the task in this file."""
    say(call("POST", "/v1/tasks", _load(file)), as_json)


@tasks.command("list")
def list_tasks(
    status: Annotated[str | None, typer.Option(help="Only tasks in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """The latest tasks."""
    query = f"?limit=100&status={status}" if status else "?limit=100"
    columns = ["task_id", "persona", "node_key", "kind", "status", "score", "effect", "url", "cause"]
    show(call("GET", f"/v1/tasks{query}"), as_json, columns)


@tasks.command("show")
def show_task(name: str, as_json: AsJson = False) -> None:
    """A task's steps, with scores and reasons; by task or execution id."""
    answer = call("GET", f"/v1/tasks/{name}")
    if as_json or not isinstance(answer, dict):
        say(answer, True)
        return
    out.print(f"[bold]{answer['execution_id']}[/] {answer['kind']} {answer['status']}")
    for step in rows(answer.get("steps")):
        sure = f" ({step['confidence']})" if step.get("confidence") is not None else ""
        out.print(f"[dim]{step['at']}[/] [bold]{step['actor']}[/]{sure}")
        out.print(f"  {escape(str(step['summary']))}", soft_wrap=True)
    for name in ("financial_authorization", "delivery"):
        if answer.get(name):
            out.print_json(json.dumps({name: answer[name]}))


@tasks.command("cancel")
def cancel_task(name: str, reason: Annotated[str | None, typer.Option(help="Why; it is kept.")] = None) -> None:
    """Stop a task that is not over, or close a dead letter for good."""
    call("POST", f"/v1/tasks/{name}/cancel", {"reason": reason})


@tasks.command("dead")
def dead_letters(as_json: AsJson = False) -> None:
    """Tasks that were given up, why, and when each can be replayed."""
    show(
        call("GET", "/v1/dead-letters"),
        as_json,
        ["execution_id", "persona", "cause", "lives_left", "replayable_at"],
    )


@tasks.command("replay")
def replay_task(name: str) -> None:
    """Give a dead letter another life."""
    call("POST", f"/v1/tasks/{name}/replay")


@questions.command("list")
def list_questions(as_json: AsJson = False) -> None:
    """What may or may not be out there, and only a human can find out."""
    show(call("GET", "/v1/questions"), as_json, ["effect_id", "persona", "server", "account", "question"])


@questions.command("answer")
def answer_question(
    effect_id: str,
    answer: Annotated[Answered, typer.Argument(help="What you have found out.")],
    url: Annotated[str | None, typer.Option(help="Where it is, when it happened.")] = None,
    note: Note = None,
) -> None:
    """Settle a question: it happened at --url; it did not, so try again or give up; or look again."""
    call("POST", f"/v1/questions/{effect_id}/answer", {"answer": answer.value, "url": url, "note": note})


@approvals.command("list")
def list_approvals(as_json: AsJson = False) -> None:
    """What waits for a human, with content, score and reasons."""
    answer = call("GET", "/v1/approvals")
    if as_json:
        say(answer, True)
        return
    for item in rows(answer):
        verdict = item["verdict"] if isinstance(item["verdict"], dict) else {}
        out.print(f"[bold]{item['approval_id']}[/] {item['persona']} [yellow]{verdict.get('score')}[/]")
        content, reasons = item["content"], verdict.get("reasons")
        for part in content if isinstance(content, list) else []:
            out.print(f"  {escape(str(part))}", soft_wrap=True)
        for reason in reasons if isinstance(reasons, list) else []:
            out.print(f"  [dim]{escape(str(reason))}[/]", soft_wrap=True)


@approvals.command("approve")
def approve(approval_id: str, note: Note = None) -> None:
    """Approve exactly this content."""
    call("POST", f"/v1/approvals/{approval_id}/approve", {"note": note})


@approvals.command("reject")
def reject(approval_id: str, note: Note = None) -> None:
    """Reject it; the Planner has it made anew."""
    call("POST", f"/v1/approvals/{approval_id}/reject", {"note": note})


@approvals.command("edit")
def edit(approval_id: str, text: Annotated[list[str], typer.Argument(help="The new text; one for each post.")]) -> None:
    """Put other words in its place; they are judged again."""
    content: JsonValue = text[0] if len(text) == 1 else [*text]
    call("POST", f"/v1/approvals/{approval_id}/edit", {"content": content})


@approvals.command("claim")
def claim(approval_id: str) -> None:
    """Keep it from other reviewers for five minutes."""
    say(call("POST", f"/v1/approvals/{approval_id}/claim"), False)


@approvals.command("release")
def release(approval_id: str) -> None:
    """Let others have it."""
    call("POST", f"/v1/approvals/{approval_id}/release")


@approvals.command("snooze")
def snooze(approval_id: str, hours: Annotated[float, typer.Option(min=0.01, max=168)] = 1.0) -> None:
    """Put it off; it is listed again then."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    call("POST", f"/v1/approvals/{approval_id}/snooze", {"until": until.isoformat()})


@approvals.command("undo")
def undo(approval_id: str) -> None:
    """Take your own verdict back, as long as it has not taken effect."""
    call("POST", f"/v1/approvals/{approval_id}/undo")


@personas.command("import")
def import_persona(file: File, as_json: AsJson = False) -> None:
    """Make an influencer from a SOUL.md, or give it a new version."""
    say(call("POST", "/v1/personas", {"source": file.read_text("utf-8")}), as_json)


@personas.command("list")
def list_personas(as_json: AsJson = False) -> None:
    """The influencers and what they are doing."""
    show(
        call("GET", "/v1/influencers"),
        as_json,
        ["persona", "account", "state", "doing", "published", "soul_hash"],
    )


@keys.command("add")
def add_key(name: str, role: KeyRole) -> None:
    """Make a key; it is shown this once."""
    say(call("POST", "/v1/keys", {"name": name, "role": role.value}), True)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """The keys, without their secrets."""
    show(call("GET", "/v1/keys"), as_json, ["key_id", "name", "role", "expires_at", "revoked_at"])


@keys.command("revoke")
def revoke_key(key_id: str) -> None:
    """Revoke a key."""
    call("DELETE", f"/v1/keys/{key_id}")


def fleet(as_json: AsJson = False) -> None:
    """The fleet at a glance."""
    answer = call("GET", "/v1/fleet")
    if as_json or not isinstance(answer, dict):
        say(answer, True)
        return
    show(
        answer["influencers"],
        False,
        ["persona", "state", "doing", "tasks_open", "approvals_waiting", "published"],
    )
    show(answer["limits"], False, ["scope", "span", "currency", "limit_amount", "reserved", "spent"])
    for halted in rows(answer["halts"]):
        out.print(f"[bold red]halted[/] {halted['scope']} {halted['target']}: {halted['reason']} ({halted['actor']})")


def health() -> None:
    """Whether the fleet works; exit code 1 when it does not."""
    say(call("GET", "/health"), True)


def halt(scope: HaltScope, target: str = "*", reason: Reason = "by hand") -> None:
    """Stop a part of the fleet: fleet, tenant, influencer ID, campaign ID, tool SERVER or SERVER/TOOL."""
    call("POST", "/v1/halt", {"scope": scope.value, "target": target, "reason": reason})


def resume(scope: HaltScope, target: str = "*") -> None:
    """Lift a halt."""
    call("POST", "/v1/resume", {"scope": scope.value, "target": target})


def text(
    asset_id: str,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; else it is printed.")] = None,
) -> None:
    """Take a piece's text away, with its content credentials in it; 'chimera verify file FILE.txt' reads them."""
    save(f"/v1/assets/{asset_id}/text", output)


def policy(file: Annotated[Path | None, typer.Argument(help="The policy to put in force.")] = None) -> None:
    """Show the fleet policy, or put one in force at once."""
    say(call("PUT", "/v1/policy", _load(file)) if file else call("GET", "/v1/policy"), True)


def _load(path: Path) -> JsonValue:
    try:
        return VALUE.validate_python(yaml.safe_load(path.read_text("utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        fail(f"{path} is neither YAML nor JSON: {error}")
