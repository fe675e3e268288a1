"""What the roles need of campaigns: the surroundings of a task, and where plans go."""

from typing import Protocol

from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.tasks.types.messages import NewTask, Task


class Contexts(Protocol):
    """What a task is made for, and by whom."""

    async def context(self, task: Task) -> TaskContext:
        """The persona, policy and brief that the task names, each in that version."""
        ...


class Plans(Contexts, Protocol):
    """Where the Planner's work goes. Superseded when another attempt has the planning task."""

    async def store_plan(self, task: Task, planned: NewPlan) -> None:
        """Store a plan and complete its planning task; what can start at once is queued."""
        ...

    async def revision_request(self, task: Task) -> RevisionRequest:
        """What a revision task is about."""
        ...

    async def replace_task(self, task: Task, old: Task, new: NewTask) -> None:
        """Complete a revision task: the new task takes the old one's place in the graph."""
        ...
