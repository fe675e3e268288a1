"""`chimera task`: tasks and their traces."""

import json
from typing import Annotated

import typer
from pydantic import JsonValue
from rich.markup import escape

from chimera.cli.client import out, rows
from chimera.cli.rooms import FIELDS, File, Room, Shown, read, table

tasks = Room("Tasks and their traces.")

Name = Annotated[str, typer.Argument(help="Task or execution id.")]


@tasks.asks("dispatch", "POST /v1/tasks", FIELDS)
def dispatch(file: File) -> JsonValue:
    """Dispatch the task in this file."""
    return read(file)


@tasks.asks(
    "list",
    "GET /v1/tasks",
    table("task_id", "persona", "node_key", "kind", "status", "score", "effect", "url", "cause"),
)
def list_tasks(status: Annotated[str | None, typer.Option(help="Only tasks in this state.")] = None) -> JsonValue:
    """The latest tasks."""
    return {"limit": 100, "status": status}


def _trace(answer: JsonValue) -> None:
    if not isinstance(answer, dict):
        out.print_json(json.dumps(answer))
        return
    out.print(f"[bold]{answer['execution_id']}[/] {answer['kind']} {answer['status']}")
    for step in rows(answer.get("steps")):
        sure = f" ({step['confidence']})" if step.get("confidence") is not None else ""
        out.print(f"[dim]{step['at']}[/] [bold]{step['actor']}[/]{sure}")
        out.print(f"  {escape(str(step['summary']))}", soft_wrap=True)
    for name in ("financial_authorization", "delivery"):
        if answer.get(name):
            out.print_json(json.dumps({name: answer[name]}))


@tasks.asks("show", "GET /v1/tasks/{name}", Shown(_trace))
def show(name: Name) -> None:
    """A task's steps, with scores and reasons; by task or execution id."""


@tasks.asks("cancel", "POST /v1/tasks/{name}/cancel")
def cancel(name: Name, reason: Annotated[str | None, typer.Option(help="Why; it is kept.")] = None) -> JsonValue:
    """Stop a task that is not over, or close a dead letter for good."""
    return {"reason": reason}


@tasks.asks("dead", "GET /v1/dead-letters", table("execution_id", "persona", "cause", "lives_left", "replayable_at"))
def dead_letters() -> None:
    """Tasks that were given up, why, and when each can be replayed."""


@tasks.asks("replay", "POST /v1/tasks/{name}/replay")
def replay(name: Name) -> None:
    """Give a dead letter another life."""
