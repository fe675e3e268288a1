"""One campaign's life in any order, as Hypothesis makes it up: workers, reviewers, operators, death and zombies."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from chimera import lifecycle
from chimera.campaigns.types.messages import NewPlan
from chimera.errors import Conflict, Halted, Superseded
from chimera.ids import new_id
from chimera.publishing.types import Effect
from chimera.review.service.approvals import ReviewService
from chimera.review.types.messages import PendingReview
from chimera.review.types.questions import Answered
from chimera.tasks.types.messages import NewTask, Task
from chimera.tasks.types.work import DispatchContext, TaskDispatch, ToolCall
from chimera.values import Decision, EffectStatus, HaltScope, Stage, TaskKind, TaskStatus
from tests.house import SOUL
from tests.invariants import TABLES
from tests.machine_base import Household

MOSTLY = [Decision.APPROVE, Decision.APPROVE, Decision.ESCALATE, Decision.REJECT]
HOUR = 12
STEPS = {
    "work_a_while": 10,
    **dict.fromkeys(("publish", "review", "lift"), 6),
    **dict.fromkeys(("claim", "submit", "take_pieces", "commit", "give_up", "begin", "close_or_replay", "sweep"), 3),
    **dict.fromkeys(("publish_a_while", "work_outside", "answer", "forget", "wait", "dispatch"), 2),
    **dict.fromkeys(("steer", "halt"), 1.5),
    **dict.fromkeys(("change_the_persona", "cancel"), 0.3),
}
"""What may happen, and how often."""


class Life(Household):
    """What may happen, in any order. Whoever has claimed something keeps it in hand for ever, as zombies do."""

    @initialize()
    def settle_in(self) -> None:
        self.begin_life()

    @rule(seed=st.integers(0, 2**32 - 1))
    def an_hour(self, seed: int) -> None:
        """Some steps as the dice have it: drawn one by one they would be much alike from life to life."""
        self.hours += 1
        dice = Random(f"{seed} {self.hours}")
        self.go_on(autostart=dice.random() < 0.7)
        for name in dice.choices(list(STEPS), list(STEPS.values()), k=HOUR):
            step: Callable[[Random], None] = getattr(self, name)
            step(dice)
            self.run(self.check())

    # making --------------------------------------------------------------------------------------

    def claim(self, dice: Random) -> None:
        self.claim_all(redelivered=dice.random() < 0.5, at_most=dice.choice([1, 9]), dice=dice)

    def claim_all(self, dice: Random, *, redelivered: bool = False, at_most: int = 9) -> None:
        ids = [row["task_id"] for row in self.rows("task", "task_id", where="status IN ('queued', 'in_progress')")]
        ids = dice.sample(ids, min(len(ids), at_most))
        for stage in (Stage.WORK, Stage.PLAN):
            self.tasks += self.run(self.house.claims(*ids, redelivered=redelivered, stage=stage))

    def submit(self, dice: Random) -> None:
        if self.tasks:
            self.make(self.one_of(dice, self.tasks), dice.choice(["Look up tonight.", "Look up at dawn."]))

    def make(self, task: Task, text: str) -> None:
        if task.kind in (TaskKind.PLAN, TaskKind.REVISE):
            self.think(task)
            return
        good = self.task_is(task, ["in_progress"])
        if task.kind is TaskKind.SPEND:
            places = {"task_id": task.task_id, "campaign_id": task.campaign_id}
            if good:
                self.run(self.house.authorise("50 USDC", f"task-{task.task_id}", **places))
        done = self.run(self.house.submit(task, text))
        assert (done.status is TaskStatus.IN_REVIEW) is good

    def think(self, task: Task) -> None:
        """What the Planner does with a task of its own."""
        good = self.task_is(task, ["in_progress"])
        if task.kind is TaskKind.PLAN:
            status = self.rows("campaign", "status", where=f"campaign_id = '{task.campaign_id}'")[0]["status"]
            planned = NewPlan(plan_id=new_id(), draft=self.house.draft(*self.nodes()), author="planner")
            self.tried(self.system.plans.store_plan(task, planned), good=good and status == "planning")
            return
        rejected = self.run(self.system.plans.revision_request(task))
        old = rejected.task
        new = NewTask(
            task_id=(task_id := new_id()),
            parent_id=old.task_id,
            node_key=None,
            kind=old.kind,
            dispatch=old.dispatch.model_copy(update={"execution_id": str(task_id), "worker": "swarm"}),
            depends_on=[],
            revision=old.revision + 1,
        )
        self.tried(self.system.plans.replace_task(task, old, new), good=good)

    def take_pieces(self, dice: Random) -> None:
        self.take_all(redelivered=dice.random() < 0.5)

    def take_all(self, *, redelivered: bool) -> None:
        ids = [row["task_id"] for row in self.rows("task", "task_id", where="status = 'in_review'")]
        self.pieces += self.run(self.house.pieces(*ids, redelivered=redelivered))

    def commit(self, dice: Random) -> None:
        if self.pieces:
            self.judge(self.one_of(dice, self.pieces), dice.choice(MOSTLY))

    def judge(self, piece: PendingReview, decision: Decision) -> None:
        if piece.human is not None:
            decision = piece.human.decision
        if piece.task.kind is TaskKind.SPEND and piece.reservation_id is None:
            decision = Decision.REJECT
        hand = (piece.task.task_id, piece.task.attempt)
        good = self.task_is(piece.task, ["in_review"])
        done = self.run(self.house.commit(piece, decision))
        assert (done.status is not None) is good
        if good:
            assert hand not in self.spent, "a verdict that was committed is committed again"
            self.spent.add(hand)

    def give_up(self, dice: Random) -> None:
        held = [piece.task for piece in self.pieces] if dice.random() < 0.5 else self.tasks
        if not held:
            return
        task, work = self.one_of(dice, held), self.system.work
        how = dice.choice(["postpone", "postpone", "replan", "failed", "dead_letter"])
        match how:
            case "postpone":
                good = self.task_is(task, ["in_progress", "in_review"])
                self.tried(work.postpone(task, "later", datetime.now(UTC)), good=good)
            case "replan":
                if not self.task_is(task, ["in_review"]):  # there it depends on how many lives are left
                    self.tried(work.replan(task, "in vain"), good=self.task_is(task, ["in_progress"]))
            case _:
                to = TaskStatus(how)
                self.tried(work.dead_letter(task, to, "in vain"), good=self.task_is(task, lifecycle.before(to)))

    def work_a_while(self, dice: Random) -> None:
        """Some time without trouble, up to the verdicts: so that a life comes to something."""
        steps, known = dice.randint(1, 4), len(self.tasks)
        self.claim_all(dice)
        for task in self.tasks[known:] if steps > 1 else []:
            self.make(task, "Look up tonight.")
        known = len(self.pieces)
        if steps > 2:
            self.take_all(redelivered=False)
        for piece in self.pieces[known:] if steps > 3 else []:
            self.judge(piece, dice.choice(MOSTLY))

    def publish_a_while(self, _: Random) -> None:
        """What is approved goes out, as it mostly does."""
        known = len(self.effects)
        self.begin_all(redelivered=False)
        for effect in self.effects[known:]:
            to = EffectStatus.DONE if effect.status is EffectStatus.EXECUTING else EffectStatus.RECONCILED
            self.end(effect, to, self.system.effects.finish(effect, self.house.receipt()))

    # what people do ------------------------------------------------------------------------------

    def dispatch(self, _: Random) -> None:
        """A task for an agent outside the swarm."""
        self.orders += 1
        wanted = TaskDispatch(
            execution_id=f"order-{self.orders}",
            context=DispatchContext(persona="Nora", goal="Look up", campaign_id=self.campaign_id),
            tool_call=ToolCall(target_mcp="twitter-mcp", action="post_tweet"),
            worker="external",
        )
        self.allowed(self.system.desk.dispatch(self.tenant_id, wanted, "operator:me"))

    def work_outside(self, dice: Random) -> None:
        """An agent claims, keeps and returns; or its lease runs out."""
        desk, key_id = self.system.desk, self.house.nora.agent_id
        claimed = self.run(desk.claim(self.tenant_id, key_id, None, 60))
        if claimed is None:
            return
        self.run(desk.renew(self.tenant_id, key_id, claimed.task_id, claimed.attempt, 60))
        if dice.random() < 0.5:
            late = "UPDATE task SET lease_until = now() - interval '1 second' WHERE task_id = $1"
            self.run(self.raw.execute(late, claimed.task_id))
            return
        task = Task.model_construct(dispatch=claimed.task_dispatch)
        given = self.house.result(task)
        self.run(desk.submit(self.tenant_id, key_id, claimed.task_id, given, claimed.attempt))
        assert self.allowed(desk.submit(self.tenant_id, key_id, claimed.task_id, given, None)) is None

    def close_or_replay(self, dice: Random) -> None:
        only = "true" if dice.random() < 0.2 else "status = 'dead_letter'"
        found = self.rows("task", "task_id", "status", where=only)
        if not found:
            return
        row, replay = dice.choice(found), dice.random() < 0.6
        desk = self.system.desk
        if replay:
            self.allowed(desk.replay(self.tenant_id, row["task_id"], "operator:me"))
        elif row["status"] in TABLES["task"] and TaskStatus.CANCELLED in TABLES["task"][row["status"]]:
            self.run(desk.cancel(self.tenant_id, row["task_id"], "operator:me", "enough"))
        else:
            with pytest.raises(Conflict):
                self.run(desk.cancel(self.tenant_id, row["task_id"], "operator:me"))

    def review(self, dice: Random) -> None:
        found = [row["approval_id"] for row in self.rows("approval", "approval_id")]
        if not found:
            return
        id, tenant_id = self.one_of(dice, found), self.tenant_id
        who = dice.choice(["reviewer:ann", "reviewer:ann", "reviewer:bob"])
        desk = ReviewService(self.system.tenants, dice.choice([0.0, 60.0]))
        soon = datetime.now(UTC) + timedelta(minutes=1)
        wishes: dict[str, Callable[[], Awaitable[object]]] = {
            "approve": lambda: desk.decide(tenant_id, id, Decision.APPROVE, who, None),
            "reject": lambda: desk.decide(tenant_id, id, Decision.REJECT, who, "no"),
            "edit": lambda: desk.edit(tenant_id, id, f"Look up, says {who}.", who, None),
            "undo": lambda: desk.undo(tenant_id, id, who),
            "claim": lambda: desk.claim(tenant_id, id, who),
            "release": lambda: desk.release(tenant_id, id, who),
            "snooze": lambda: desk.snooze(tenant_id, id, soon, who),
        }
        self.allowed(wishes[dice.choice([*wishes, "approve", "undo"])]())

    def steer(self, dice: Random) -> None:
        self.order(dice.choice(["start", "start", "plan", "pause"]))

    def cancel(self, _: Random) -> None:
        self.order("cancel")

    def order(self, what: str) -> None:
        """Operators change their minds."""
        act: Callable[..., Awaitable[object]] = getattr(self.system.campaigns, what)
        self.allowed(act(self.tenant_id, self.campaign_id, "operator:me"))

    def change_the_persona(self, _: Random) -> None:
        self.versions += 1
        soul = SOUL.replace("calm", f"calm for the {self.versions}. time")
        self.run(self.system.accounts.import_persona(self.tenant_id, soul, "operator:me"))

    def halt(self, dice: Random) -> None:
        scope = dice.choice([HaltScope.TENANT, HaltScope.CAMPAIGN, HaltScope.TOOL])
        target = {HaltScope.CAMPAIGN: str(self.campaign_id), HaltScope.TOOL: "twitter-mcp"}.get(scope, "*")
        fleet = self.system.fleet
        self.allowed(fleet.halt(self.tenant_id, scope, target, "because", "operator:me"))

    # publishing ----------------------------------------------------------------------------------

    def begin(self, dice: Random) -> None:
        self.begin_all(redelivered=dice.random() < 0.5)

    def begin_all(self, *, redelivered: bool) -> None:
        ids = [row["effect_id"] for row in self.rows("effect", "effect_id")]
        self.effects += self.run(self.house.begins(*ids, redelivered=redelivered))

    def publish(self, dice: Random) -> None:
        if not self.effects:
            return
        effect, store, now = self.one_of(dice, self.effects), self.system.effects, datetime.now(UTC)
        how = dice.choice(["finish", "finish", "clear", "doubt", "ask", "wonder", "retry", "fail"])
        done = EffectStatus.DONE if effect.status is EffectStatus.EXECUTING else EffectStatus.RECONCILED
        match how:
            case "clear":
                self.look(effect)
            case "finish":
                self.end(effect, done, store.finish(effect, self.house.receipt()))
            case "doubt":
                self.end(effect, EffectStatus.UNKNOWN, store.mark_unknown(effect, "no answer", now))
            case "ask":
                self.end(effect, EffectStatus.UNKNOWN, store.ask(effect, "Is it out?", None))
            case "wonder":
                self.end(effect, EffectStatus.UNKNOWN, store.ask(effect, "Is it out?", now))
            case "retry":
                self.end(effect, EffectStatus.AUTHORISED, store.retry(effect, "not there", now))
            case _:
                self.end(effect, EffectStatus.FAILED, store.fail(effect, "the platform says no"))

    def end(self, effect: Effect, to: EffectStatus, work: Awaitable[object]) -> None:
        status, attempt = self.state("effect", effect.effect_id)
        good = attempt == effect.attempt and status in lifecycle.effect_before(to)
        self.tried(work, good=good)

    def look(self, effect: Effect) -> None:
        """Whoever has lost an effect never hears that it may go on."""
        row = self.run(
            self.raw.fetchrow("SELECT attempt, claimed_by FROM effect WHERE effect_id = $1", effect.effect_id)
        )
        mine = row["attempt"] == effect.attempt and row["claimed_by"] is not None
        try:
            self.run(self.system.effects.clear(effect))
            assert mine
        except Superseded:
            assert not mine
        except Halted:
            assert mine

    def answer(self, dice: Random) -> None:
        asked = self.run(self.system.questions.open(self.tenant_id))
        ids = [each.effect_id for each in asked] or [row["effect_id"] for row in self.rows("effect", "effect_id")]
        if ids:
            answer = dice.choice(list(Answered))
            url = "https://social.example/1" if answer is Answered.IT_HAPPENED else None
            id = dice.choice(ids)
            questions = self.system.questions
            self.allowed(questions.answer(self.tenant_id, id, answer, url, None, "reviewer:ann"))

    # time and death ------------------------------------------------------------------------------

    def sweep(self, dice: Random) -> None:
        dies = dice.random() < 0.5
        if dies:
            self.run(self.house.lose_process())
        self.run(self.house.swept())
        if dies:
            self.run(self._be_born())

    def forget(self, _: Random) -> None:
        """A process has lost track of all that it holds, its living hands included."""
        for stage in (Stage.PLAN, Stage.WORK, Stage.JUDGE):
            self.run(self.system.work.release_lost_claims(self.house.process_id, stage, [], 0))
        self.run(self.system.effects.release_lost_claims(self.house.process_id, [], 0))

    def wait(self, _: Random) -> None:
        """Whatever was put off is due."""
        self.run(self.raw.execute("UPDATE task SET due_at = now() WHERE due_at > now()"))
        self.run(self.raw.execute("UPDATE approval SET effective_at = now() WHERE effective_at > now()"))
