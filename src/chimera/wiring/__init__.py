"""The one place that knows the concrete classes; interfaces reach everything through it."""

from chimera.domain.lifecycle import EFFECT_OVER, TASK_OVER
from chimera.domain.persona import explain
from chimera.domain.provenance.hashes import content_hash
from chimera.embedded import EmbeddedError, StateLock
from chimera.stores.accounts import Caller, Influencer
from chimera.stores.desk import Claimed
from chimera.stores.money.books import chunks
from chimera.wiring.checks import check_plan, check_prompt, statement_holds
from chimera.wiring.proofs import served_name
from chimera.wiring.services import services
from chimera.wiring.system import System
from chimera.wiring.tools import tool_servers

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
