"""Signs of life."""

from uuid import UUID

from chimera.values import Role
from chimera_protocol.wire import Wire


class ProcessHeartbeat(Wire):
    """A living process of the swarm."""

    process_id: UUID
    role: Role | str
    host: str
    pid: int
