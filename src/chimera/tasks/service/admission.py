"""What is looked at before a task is taken on: its tool, its prompt template, and room in the queue (ORC-2, ORC-10)."""

import structlog

from chimera.errors import QueueFull, Unavailable
from chimera.gateways.mcp.types import ToolCatalogue
from chimera.tasks.ports import Queue
from chimera.tasks.types.work import TaskDispatch
from chimera.values import Stage
from chimera_protocol.errors import Invalid, NotFound

log = structlog.get_logger()

WRITE = "write"
"""The prompt template that pieces are written with."""


class Admission:
    """Refuses early and with the way out, before anything is stored."""

    def __init__(self, tools: ToolCatalogue, queue: Queue, *, bound: int, write_version: int) -> None:
        self._tools = tools
        self._queue = queue
        self._bound = bound
        self._write_version = write_version

    async def check(self, wanted: TaskDispatch) -> None:
        """NotFound for a tool and Invalid for a prompt that there is not, QueueFull at the bound."""
        server, tool = wanted.tool_call.target_mcp, wanted.tool_call.action
        if not self._tools.has(server, tool):
            raise NotFound(f"the tool {server}/{tool} is not configured", remedy="GET /v1/tools lists what is.")
        check_prompt(wanted, self._write_version)
        await self.check_capacity(Stage.WORK)

    async def check_capacity(self, stage: Stage) -> None:
        """QueueFull when more waits than the bound allows (ORC-10)."""
        try:
            depth = await self._queue.depth(stage)
        except Unavailable as error:
            await log.awarning("depth unknown", cause=error.detail)
            return
        if depth >= self._bound:
            raise QueueFull(f"{depth} tasks are waiting, the bound is {self._bound}")


def check_prompt(wanted: TaskDispatch, write_version: int) -> None:
    """Invalid for a task that names a prompt template which does not write pieces, or a version there is not."""
    asked = wanted.prompt
    if asked is not None and (asked.name != WRITE or asked.version not in (None, write_version)):
        raise Invalid(
            f"there is no prompt template {asked.name!r} in version {asked.version}",
            remedy=f"Use {WRITE!r} in version {write_version}, or leave `prompt` out.",
        )
