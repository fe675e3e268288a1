"""How a process of the fleet says that it lives."""

from typing import Protocol

from chimera.fleet.types.processes import ProcessHeartbeat


class ProcessRegistry(Protocol):
    """Signs of life of this process."""

    async def mark(self, process: ProcessHeartbeat) -> None:
        """Say that the process lives; what it holds is taken back when it stops saying so."""
        ...

    async def leave(self, process: ProcessHeartbeat) -> None:
        """Say that the process stops in good order."""
        ...
