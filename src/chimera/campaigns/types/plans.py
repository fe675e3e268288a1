"""Plans: graphs of tasks (ORC-9)."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chimera.tasks.types.work import ToolCall
from chimera.values import Keyword, Priority, TaskKind
from chimera_protocol.wire import Text, Wire


class PlanNode(Wire):
    """One task of a plan; `depends_on` names keys of other nodes of the same plan."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    kind: Literal[TaskKind.CREATE, TaskKind.SPEND] = TaskKind.CREATE
    goal: Text
    tool_call: ToolCall
    depends_on: list[str] = Field(default_factory=list, max_length=50)
    priority: Priority = Priority.MEDIUM


class PlanDraft(Wire):
    """What the Planner proposes for a goal: a graph of tasks (ORC-9)."""

    rationale: Text
    nodes: list[PlanNode] = Field(min_length=1, max_length=100)


class Revision(Wire):
    """What the Planner's model returns after a rejection: the same task, told better."""

    goal: Text
    avoid: list[Keyword] = Field(default_factory=list, max_length=50, description="Words or facts to leave out.")
