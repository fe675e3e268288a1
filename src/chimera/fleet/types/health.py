"""What is shown when something went wrong: health, questions that only a human can answer, dead letters."""

from chimera.values import Stage
from chimera_protocol.wire import Wire


class BacklogView(Wire):
    """What waits in a stage, and for how many seconds the oldest of it has been due."""

    stage: Stage
    waiting: int
    oldest_seconds: float


class BreakerView(Wire):
    """An MCP server that is not called for a while, because it failed again and again."""

    server: str
    failures: int


class Health(Wire):
    """Whether the fleet works, and if not, why (OPS-3)."""

    healthy: bool
    problems: list[str]
    roles: dict[str, int]
    backlog: list[BacklogView]
    breakers: list[BreakerView] = []
