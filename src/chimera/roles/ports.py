"""What the roles need of the process they run in."""

from typing import Protocol

from chimera.campaigns.types.messages import TaskContext
from chimera.gateways.mcp.types import ToolRecord
from chimera.gateways.models.types import ModelAnswer, Out, RenderedPrompt
from chimera.media.types import MediaItem
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Artifact
from chimera.values import Role


class PaidModel(Protocol):
    """A model whose every call is paid for: reserved before, settled after (FIN-4)."""

    async def ask(
        self, task: Task, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int
    ) -> ModelAnswer[Out]:
        """Put a prompt at a task's expense. ModelFailed also when the CFO does not authorise it."""
        ...


class MediaMaker(Protocol):
    """The pictures and clips of pieces."""

    async def make(self, task: Task, setting: TaskContext, text: str, tool_log: list[ToolRecord]) -> list[MediaItem]:
        """What the task wants to be seen with the text, if anything; the tool's call is logged.

        ToolFailed when it cannot be made, Invalid when nothing is configured that could.
        """
        ...

    async def objections(self, artifact: Artifact, setting: TaskContext) -> list[str]:
        """Why what is shown may not leave: it is not the file it says, or does not show the character (MED-2)."""
        ...

    async def sign(self, item: MediaItem, asset_id: str, task: Task, prompt_hash: str | None) -> MediaItem:
        """The item as it is published."""
        ...


class ActivityStatus(Protocol):
    """Live state in Redis: who thinks about what, right now (DAT-3)."""

    async def thinking(self, task: Task, role: Role) -> None:
        """The influencer is busy in this role; forgotten by itself after a few seconds."""
        ...
