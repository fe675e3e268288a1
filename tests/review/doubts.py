"""What went wrong, to try the desk with: effects that only a human can find out about, and dead letters."""

from uuid import UUID

from tests.browser.stage import hold
from tests.journeys.fleet import Fleet, Json, dispatch

from chimera.ids import new_id
from chimera.publishing.types import Effect
from chimera.tasks.types.messages import Lease
from chimera.values import Role, Stage, TaskStatus

PIECE = "AI is reshaping the future of quiet standards"
QUESTION = "Is it out? twitter-mcp cannot be read back, and the call had no answer. Look <b>yourself</b>."


def _lease(id: str) -> Lease:
    return Lease(id=UUID(id), stream="s", entry="1-0", redelivered=False)


async def in_doubt(fleet: Fleet, name: str = "one", content: str | list[str] = PIECE) -> Effect:
    """An approved piece whose publication had no answer, and which is put to a human."""
    async with fleet.working(Role.JUDGE):
        held = await hold(fleet, name, content)
        await fleet.post(f"/v1/approvals/{held['approval_id']}/approve", {})
        envelope: Json = await fleet.task(name, "completed")
    (effect,) = await fleet.system.effects.begin([_lease(envelope["delivery"]["effect_id"])], new_id())
    await fleet.system.effects.ask(effect, QUESTION, None)
    return effect


async def dead_letter(fleet: Fleet, name: str = "dead", cause: str = "no <i>model</i> answers") -> str:
    """A task that was given up; its id."""
    task_id: str = (await fleet.post("/v1/tasks", dispatch(name)))["task_id"]
    work = fleet.system.work
    (task,) = await work.claim([_lease(task_id)], new_id(), Stage.WORK)
    await work.dead_letter(task, TaskStatus.DEAD_LETTER, cause)
    return task_id
