"""`chimera campaign`: campaigns and their plans."""

import json

from pydantic import JsonValue
from rich.markup import escape

from chimera.cli.client import out
from chimera.cli.rooms import FIELDS, Campaign, File, Room, Shown, read, table

campaigns = Room("Campaigns and their plans.")


@campaigns.asks("create", "POST /v1/campaigns", FIELDS)
def create(file: File) -> JsonValue:
    """Create a campaign from its brief."""
    return read(file)


@campaigns.asks("list", "GET /v1/campaigns", table("name", "persona", "status", "tasks", "published", "campaign_id"))
def list_campaigns() -> None:
    """Campaigns and how far they are."""


def _plan(answer: JsonValue) -> None:
    if not isinstance(answer, dict):
        out.print_json(json.dumps(answer))
        return
    out.print(f"plan by {answer['author']} ({answer['status']})")
    lines = answer["tree"]
    for line in lines if isinstance(lines, list) else []:
        out.print(escape(str(line)), soft_wrap=True)


@campaigns.asks("show", "GET /v1/campaigns/{campaign}/plan", Shown(_plan))
def show(campaign: Campaign) -> None:
    """A campaign's plan as a tree."""


@campaigns.asks("edit", "PUT /v1/campaigns/{campaign}/plan")
def edit(campaign: Campaign, file: File) -> JsonValue:
    """Put the plan in this file in the place of the one that waits for its start."""
    return read(file)


@campaigns.asks("plan", "POST /v1/campaigns/{campaign}/plan")
def plan(campaign: Campaign) -> None:
    """Ask the Planner for a plan."""


@campaigns.asks("start", "POST /v1/campaigns/{campaign}/start")
def start(campaign: Campaign) -> None:
    """Run the plan that waits, or go on after a pause."""


@campaigns.asks("pause", "POST /v1/campaigns/{campaign}/pause")
def pause(campaign: Campaign) -> None:
    """Stop starting work."""


@campaigns.asks("cancel", "POST /v1/campaigns/{campaign}/cancel")
def cancel(campaign: Campaign) -> None:
    """End a campaign."""
