"""Rows of the task table as wire types, and back without loss."""

import json
from typing import Any

from chimera.ids import new_id
from chimera.tasks.store import task_rows as rows
from chimera.tasks.types.messages import NewTask, due_ids
from chimera.tasks.types.work import DispatchContext, TaskDispatch, ToolCall
from chimera.values import Priority, Stage, TaskKind, TaskStatus


def test_leases_are_told_by_id_and_whether_they_were_redelivered(house: Any) -> None:
    id = new_id()
    assert json.loads(due_ids(house.leases(id, redelivered=True))) == [{"id": str(id), "redelivered": True}]


async def test_a_task_comes_back_from_its_row_as_it_went_in(house: Any) -> None:
    made = await house.running()
    task = await house.claim(made["a"])
    assert (task.tenant_id, task.agent_id) == (house.tenant_id, house.nora.agent_id)
    assert task.campaign_id == made.campaign_id
    assert task.dispatch.execution_id == str(made["a"])
    assert task.dispatch.context.soul_hash == house.nora.soul_hash
    assert (task.parent_id is not None, task.upstream, task.revision) == (True, [], 0)


def test_a_new_task_says_only_what_was_said_of_it() -> None:
    dispatch = TaskDispatch(
        execution_id="uuid-12345",
        context=DispatchContext(persona="Nora", goal="g"),
        tool_call=ToolCall(target_mcp="t", action="post_tweet"),
    )
    where = {key: new_id() for key in ("tenant_id", "agent_id", "campaign_id")}
    new = NewTask(
        task_id=new_id(), parent_id=None, node_key=None, kind=TaskKind.CREATE, dispatch=dispatch, depends_on=[new_id()]
    )
    row: Any = rows.task_row(new, {**where, "state_version": 3, "soul_hash": "0" * 64}, TaskStatus.PENDING)  # type: ignore[arg-type]
    assert row["dispatch"] == json.loads(dispatch.model_dump_json(exclude_unset=True))
    assert (row["status"], row["depends_on"], row["state_version"]) == ("pending", [str(new.depends_on[0])], 3)


def test_only_rows_that_stand_in_a_queue_have_a_place() -> None:
    def row(status: TaskStatus) -> dict[str, Any]:
        ids = {key: new_id() for key in ("task_id", "tenant_id", "agent_id")}
        return {**ids, "priority": "high", "kind": "create", "status": status.value, "external": False}

    waiting, judged, over = row(TaskStatus.QUEUED), row(TaskStatus.IN_REVIEW), row(TaskStatus.COMPLETED)
    placed = rows.placed([waiting, judged, over])  # type: ignore[list-item]
    assert [(stage, item.id) for stage, item in placed] == [
        (Stage.WORK, waiting["task_id"]),
        (Stage.JUDGE, judged["task_id"]),
    ]
    assert {item.priority for _, item in placed} == {Priority.HIGH}
