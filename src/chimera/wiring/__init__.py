"""The one place that knows the concrete classes; interfaces reach everything through it."""

from chimera.accounts.types import Caller, Influencer
from chimera.lifecycle import EFFECT_OVER, TASK_OVER
from chimera.money.service.books import chunks
from chimera.personas.rules import explain
from chimera.provenance.rules.hashes import content_hash, statement_holds
from chimera.provenance.service.verification import served_name
from chimera.tasks.service.dispatch import Claimed
from chimera.wiring.checks import check_plan, check_prompt
from chimera.wiring.services import services
from chimera.wiring.system import System
from chimera.wiring.tools import tool_servers
from chimera_devnet import EmbeddedError, StateLock

__all__ = [
    "EFFECT_OVER",
    "TASK_OVER",
    "Caller",
    "Claimed",
    "EmbeddedError",
    "Influencer",
    "StateLock",
    "System",
    "check_plan",
    "check_prompt",
    "chunks",
    "content_hash",
    "explain",
    "served_name",
    "services",
    "statement_holds",
    "tool_servers",
]
