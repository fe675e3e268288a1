"""Rules that interfaces apply before they ask for anything."""

from chimera.campaigns.rules import planning
from chimera.campaigns.types.plans import PlanDraft
from chimera.gateways.mcp.host import ToolHost
from chimera.roles import prompts
from chimera.tasks.types.work import TaskDispatch
from chimera_protocol.errors import Invalid

WRITE = "write"
"""The prompt template that pieces are written with."""


def check_plan(draft: PlanDraft, host: ToolHost) -> None:
    """Invalid unless a plan hangs together and asks for configured tools only."""
    known = {(name, tool) for name, one in host.catalogue.items() for tool in (*one.reads, *one.acts)}
    planning.check(draft, frozenset(known))


def check_prompt(wanted: TaskDispatch) -> None:
    """Invalid for a task that names a prompt template which does not write pieces, or a version there is not."""
    asked = wanted.prompt
    if asked is not None and (asked.name != WRITE or asked.version not in (None, prompts.version(WRITE))):
        raise Invalid(
            f"there is no prompt template {asked.name!r} in version {asked.version}",
            remedy=f"Use {WRITE!r} in version {prompts.version(WRITE)}, or leave `prompt` out.",
        )
