"""The Planner: from a goal to a graph of tasks, and from a rejection to a better task (ORC-9)."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from chimera.campaigns.ports import Plans
from chimera.campaigns.rules import planning
from chimera.campaigns.types.messages import NewPlan, RevisionRequest, TaskContext
from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.gateways.mcp.types import Tools
from chimera.ids import new_id
from chimera.media.types import Generator
from chimera.roles import prompts
from chimera.roles.inputs import seed_of, texts, voice
from chimera.roles.ports import ActivityStatus, PaidModel
from chimera.roles.task_handler import TaskHandler
from chimera.tasks.ports import Tasks
from chimera.tasks.types.messages import NewTask, Task
from chimera.values import Role, Stage, TaskKind
from chimera_protocol.errors import Invalid


class Planner(TaskHandler):
    """Handles `plan` and `revise` tasks."""

    stage = Stage.PLAN

    def __init__(
        self,
        tasks: Tasks,
        plans: Plans,
        model: PaidModel,
        tools: Tools,
        pulse: ActivityStatus,
        makers: Mapping[str, Generator],
    ) -> None:
        super().__init__(tasks)
        self._plans = plans
        self._model = model
        self._tools = tools
        self._pulse = pulse
        self._makers = makers

    async def handle(self, item: Task) -> None:
        """Plan a campaign, or give a task that was turned down another try."""
        await self._pulse.thinking(item, Role.PLANNER)
        setting = await self._plans.context(item)
        if item.kind is TaskKind.REVISE:
            await self._revise(item, setting)
        else:
            await self._plan(item, setting)

    async def _plan(self, task: Task, setting: TaskContext) -> None:
        brief = setting.brief
        inputs: dict[str, JsonValue] = {
            "goal": brief.goal,
            "strategy": list(brief.strategy),
            "persona": voice(setting),
            "deliverables": [item.model_dump(mode="json") for item in brief.deliverables],
            "promotions": [item.model_dump(mode="json") for item in brief.promotions],
            "constraints": brief.constraints.model_dump(mode="json"),
            "sources": [item.model_dump(mode="json") for item in brief.sources],
        }
        answer = await self._model.ask(
            task, Role.PLANNER, prompts.render("plan", inputs), PlanDraft, seed=seed_of(brief.goal)
        )
        draft = answer.output
        planning.check(draft)
        planning.within(draft, brief)
        for node in draft.nodes:
            if not self._tools.knows(node.tool_call.target_mcp, node.tool_call.action):
                raise Invalid(f"the plan asks for the unknown tool {node.tool_call.target_mcp}/{node.tool_call.action}")
        draft = planning.with_tiers(draft, brief, self._makers)
        planned = NewPlan(plan_id=new_id(), draft=draft, author=answer.model_used)
        await self._plans.store_plan(task, planned)

    async def _revise(self, task: Task, setting: TaskContext) -> None:
        rejected = await self._plans.revision_request(task)
        old = rejected.task
        avoided = texts(old.dispatch.tool_call.parameters.get("avoid"))
        inputs: dict[str, JsonValue] = {
            "goal": old.dispatch.context.goal,
            "content": _content(rejected),
            "reasons": _reasons(rejected),
            "constraints": old.dispatch.constraints.model_dump(mode="json"),
            "avoid": list(avoided),
            "strategy": list(setting.brief.strategy),
        }
        answer = await self._model.ask(
            task,
            Role.PLANNER,
            prompts.render("revise", inputs),
            Revision,
            seed=seed_of(old.dispatch.context.goal, old.revision),
        )
        new = _better(task, rejected, answer.output, [*avoided, *answer.output.avoid])
        await self._plans.replace_task(task, old, new)


def _content(rejected: RevisionRequest) -> list[JsonValue]:
    artifact = rejected.result.artifact if rejected.result else None
    return list(artifact.parts) if artifact else []


def _reasons(rejected: RevisionRequest) -> list[JsonValue]:
    reasons = list(rejected.verdict.reasons) if rejected.verdict else []
    return [*reasons, *([rejected.cause] if rejected.cause else [])]


def _better(task: Task, rejected: RevisionRequest, revision: Revision, avoid: Sequence[str]) -> NewTask:
    """The rejected task, told better: a new one, so that every attempt stays readable in the tree."""
    old, task_id = rejected.task.dispatch, new_id()
    parameters: dict[str, JsonValue] = {**old.tool_call.parameters, "avoid": list(dict.fromkeys(avoid))}
    dispatch = old.model_copy(
        update={
            "execution_id": str(task_id),
            "context": old.context.model_copy(update={"goal": revision.goal, "soul_hash": None}),
            "tool_call": old.tool_call.model_copy(update={"parameters": parameters}),
        }
    )
    return NewTask(
        task_id=task_id,
        parent_id=rejected.task.task_id,
        node_key=rejected.node_key,
        kind=rejected.task.kind,
        dispatch=dispatch,
        depends_on=[],
        revision=task.revision + 1,
    )
