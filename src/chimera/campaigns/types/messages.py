"""What travels between the Planner and the campaign: surroundings, new plans, revisions."""

from uuid import UUID

from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft
from chimera.personas.types.persona import Persona
from chimera.personas.types.policy import Policy
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import ExecutionResult, Verdict
from chimera_protocol.wire import Wire


class TaskContext(Wire):
    """The surroundings of a task: persona, policy and brief, each in the version the task names."""

    persona: Persona
    policy: Policy
    brief: Brief


class NewPlan(Wire):
    """What the Planner made of a goal."""

    plan_id: UUID
    draft: PlanDraft
    author: str


class RevisionRequest(Wire):
    """The task that a revision is about, and why it was turned down."""

    task: Task
    node_key: str | None
    verdict: Verdict | None
    cause: str | None
    result: ExecutionResult | None
