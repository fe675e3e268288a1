"""The one place that knows the concrete classes; interfaces reach everything through it.

What it names is imported when it is first asked for: a process that serves one role shares this package with the API,
and must not load it.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chimera.accounts.types import Influencer
    from chimera.lifecycle import EFFECT_OVER, TASK_OVER
    from chimera.personas.rules import explain
    from chimera.provenance.rules.hashes import content_hash, statement_holds
    from chimera.provenance.service.verification import served_name
    from chimera.wiring.laptop import services
    from chimera.wiring.system import System
    from chimera.wiring.tools import tool_servers
    from chimera_devnet import EmbeddedError, StateLock

_PLACES = {
    "EFFECT_OVER": "chimera.lifecycle",
    "TASK_OVER": "chimera.lifecycle",
    "EmbeddedError": "chimera_devnet",
    "Influencer": "chimera.accounts.types",
    "StateLock": "chimera_devnet",
    "System": "chimera.wiring.system",
    "content_hash": "chimera.provenance.rules.hashes",
    "explain": "chimera.personas.rules",
    "served_name": "chimera.provenance.service.verification",
    "services": "chimera.wiring.laptop",
    "statement_holds": "chimera.provenance.rules.hashes",
    "tool_servers": "chimera.wiring.tools",
}

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


if not TYPE_CHECKING:  # a type checker is to know the names above, and no others

    def __getattr__(name: str) -> object:
        place = _PLACES.get(name)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(place), name)
        return found
