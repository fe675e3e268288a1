"""Rules that interfaces apply before they ask for anything."""

from collections.abc import Mapping

from pydantic import JsonValue

from chimera.campaigns.rules import planning
from chimera.campaigns.types.plans import PlanDraft
from chimera.gateways.mcp.host import ToolHost
from chimera.provenance.rules.hashes import Content, content_hashes, files_of, is_hash_of
from chimera.roles import prompts
from chimera.tasks.types.work import TaskDispatch
from chimera_protocol.errors import Invalid
from chimera_protocol.statements import signed_bytes, verify

WRITE = "write"
"""The prompt template that pieces are written with."""


def statement_holds(statement: Mapping[str, JsonValue], piece: Content, signature: str, public_key: str) -> bool:
    """Whether a piece is what its signed statement says, under this key (PRV-1)."""
    said, formula = statement.get("content_hash"), statement.get("content_formula")
    if not is_hash_of(said, formula, content_hashes(piece.parts, files_of(piece))):
        return False
    return verify(signature, signed_bytes(statement), public_key)


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
