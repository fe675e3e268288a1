"""`chimera fleet`, `health`, `halt`, `resume`: the fleet as a whole."""

from typing import Annotated

import typer
from pydantic import JsonValue

from chimera.cli.client import out, rows, show
from chimera.cli.naming import Named, identify
from chimera.cli.rooms import JSON, Shown, asks
from chimera.values import HaltScope

Reason = Annotated[str, typer.Option(help="Why; it is kept.")]

_NAMED = {HaltScope.INFLUENCER: Named.INFLUENCER, HaltScope.CAMPAIGN: Named.CAMPAIGN}
"""Targets that have names; a server and a tool are their names."""


def _glance(answer: JsonValue) -> None:
    assert isinstance(answer, dict)
    influencers = ["persona", "state", "doing", "tasks_open", "approvals_waiting", "published"]
    show(answer["influencers"], False, influencers)
    show(answer["limits"], False, ["scope", "span", "currency", "limit_amount", "reserved", "spent"])
    for halted in rows(answer["halts"]):
        out.print(f"[bold red]halted[/] {halted['scope']} {halted['target']}: {halted['reason']} ({halted['actor']})")


@asks("GET /v1/fleet", Shown(_glance))
def fleet() -> None:
    """The fleet at a glance."""


@asks("GET /health", JSON)
def health() -> None:
    """Whether the fleet works; exit code 1 when it does not."""


@asks("POST /v1/halt")
def halt(scope: HaltScope, target: str = "*", reason: Reason = "by hand") -> JsonValue:
    """Stop a part of the fleet: fleet, tenant, influencer or campaign by NAME or ID, tool SERVER or SERVER/TOOL."""
    return {"scope": scope.value, "target": _target(scope, target), "reason": reason}


@asks("POST /v1/resume")
def resume(scope: HaltScope, target: str = "*") -> JsonValue:
    """Lift a halt."""
    return {"scope": scope.value, "target": _target(scope, target)}


def _target(scope: HaltScope, target: str) -> str:
    kind = _NAMED.get(scope)
    return identify(kind, target) if kind is not None and target != "*" else target
