"""The one place that knows the concrete classes; interfaces reach everything through it."""

from chimera.accounts.service import Influencer
from chimera.lifecycle import EFFECT_OVER, TASK_OVER
from chimera.personas.rules import explain
from chimera.provenance.rules.hashes import content_hash
from chimera.provenance.rules.statements import statement_holds
from chimera.provenance.service import served_name
from chimera.wiring.services import services
from chimera.wiring.system import System
from chimera.wiring.tools import tool_servers
from chimera_devnet import EmbeddedError, StateLock

__all__ = [
    "EFFECT_OVER",
    "TASK_OVER",
    "EmbeddedError",
    "Influencer",
    "StateLock",
    "System",
    "content_hash",
    "explain",
    "served_name",
    "services",
    "statement_holds",
    "tool_servers",
]
