"""The Judge: nothing leaves the system without its grant, and it alone commits (ORC-7)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from pydantic import JsonValue

from chimera.campaigns.ports import Contexts
from chimera.campaigns.types.messages import TaskContext
from chimera.errors import Superseded
from chimera.gateways.mcp.types import Tools
from chimera.gateways.models.types import Usage
from chimera.ids import new_id
from chimera.money.rules import accounts
from chimera.money.types.authorization import COMPUTE, PolicyViolation
from chimera.money.types.messages import Cost
from chimera.provenance.ports import Signer
from chimera.provenance.rules import hashes as provenance
from chimera.provenance.types.assets import AssetRecord
from chimera.publishing.rules import calls as publishing
from chimera.publishing.types import EffectOrder, Grant
from chimera.review.ports import Reviews
from chimera.review.rules import honesty, judging
from chimera.review.rules import similarity as resemblance
from chimera.review.types.messages import CommitCommand, PendingReview
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.roles.consumer import describe
from chimera.roles.inputs import mention_of, seed_of, voice
from chimera.roles.ports import ActivityStatus, MediaMaker, PaidModel
from chimera.roles.task_handler import given_up, patient
from chimera.tasks.ports import Endings
from chimera.tasks.rules import kind_of
from chimera.tasks.types.messages import Lease, Task
from chimera.tasks.types.work import Artifact, Verdict
from chimera.values import Decision, Role, Stage, TaskKind, TaskStatus
from chimera_protocol.errors import Invalid, NotFound
from chimera_protocol.failpoint import failpoint
from chimera_protocol.statements import signed_bytes

GRANT_LIFETIME = timedelta(hours=24)
_EARLIER = 20


class Judge:
    """Handles results that are in review."""

    stage = Stage.JUDGE

    def __init__(
        self,
        tasks: Endings,
        contexts: Contexts,
        reviews: Reviews,
        model: PaidModel,
        tools: Tools,
        signer: Signer,
        pulse: ActivityStatus,
        gallery: MediaMaker | None = None,
    ) -> None:
        self._tasks = tasks
        self._contexts = contexts
        self._reviews = reviews
        self._model = model
        self._tools = tools
        self._signer = signer
        self._pulse = pulse
        self._gallery = gallery

    async def claim(self, leases: Sequence[Lease], process_id: UUID) -> Sequence[PendingReview]:
        """Take hold of results that are to be judged."""
        return await self._reviews.claim_reviews(leases, process_id)

    def label(self, item: PendingReview) -> tuple[UUID, str]:
        """The task's id, and its execution id for logs and traces."""
        return item.task.task_id, item.task.dispatch.execution_id

    def tries(self, item: PendingReview) -> int:
        """How often judging it has been tried, this time included."""
        return item.task.tries

    async def handle(self, item: PendingReview) -> None:
        """Weigh a result and commit the verdict. Superseded when another attempt has the task."""
        await self._pulse.thinking(item.task, Role.JUDGE)
        setting = await self._contexts.context(item.task)
        verdict = await self._weigh(item, setting)
        failpoint("judged")
        committed = await self._reviews.commit(await self._judgement(item, setting, verdict))
        if committed.status is None:
            raise Superseded(f"task {item.task.task_id} was taken over while it was judged")
        failpoint("approved")

    async def release_lost_claims(self, process_id: UUID, held: Sequence[UUID], seconds: float) -> None:
        """Give back what was claimed longer ago than that and is not held."""
        await self._tasks.release_lost_claims(process_id, self.stage, held, seconds)

    async def on_failure(self, item: PendingReview, error: Exception, retry_at: datetime) -> None:
        """Judge it again later, or make a dead letter of it. A piece is not at fault for a platform that is asked what
        it answers and has no room."""
        if isinstance(error, (Invalid, NotFound)) or given_up(error, item.task.tries):
            await self._tasks.dead_letter(item.task, TaskStatus.DEAD_LETTER, describe(error))
        else:
            await self._tasks.postpone(item.task, describe(error), patient(error, retry_at))

    async def _weigh(self, piece: PendingReview, setting: TaskContext) -> Verdict:
        """Rules first and in code, then a human's word where there is one, then the model's opinion."""
        artifact = piece.result.artifact
        if isinstance(piece.spend, PolicyViolation):
            return _rejection([f"{piece.spend.error}: {piece.spend.details}"])
        if artifact is None or piece.result.status != "completed":
            return _rejection(piece.result.reasoning_trace[-1:] or ["the Worker reports that it failed"])
        dispatch = piece.task.dispatch
        platform = self._tools.platform(dispatch.tool_call.target_mcp)
        found = judging.breaches(artifact, dispatch.constraints, setting.policy, platform)
        if len(artifact.parts) > 1 and dispatch.tool_call.action in publishing.SINGLE:
            found.append(f"one text was asked for, {len(artifact.parts)} were made")
        if not found and artifact.type != "transaction":
            found = await self._dishonesty(piece.task, artifact) + await self._misshown(artifact, setting)
        if found:
            return _rejection(found)
        spends = piece.task.kind is TaskKind.SPEND or kind_of(dispatch.tool_call) is TaskKind.SPEND
        if spends and piece.reservation_id is None:
            return _rejection(["the CFO Judge has not reserved this money"])
        if piece.human is not None:
            return piece.human
        if spends:
            return _weigh_spend(piece, setting)
        repeated = await self._repeats(piece.task, artifact, setting)
        if repeated:
            return _rejection(repeated)
        opinion, model_used, usage = await self._opinion(piece, setting, artifact)
        score = opinion.score / 100
        text = "\n".join(artifact.parts)
        topics = sorted({*judging.sensitive(text, setting.policy.sensitive_topics), *opinion.topics})
        return Verdict(
            decision=judging.decide(score, topics=topics, bounds=setting.policy.bounds),
            score=score,
            judged_by=f"judge:{model_used}",
            reasons=opinion.reasons + [f"touches {topic}: a human decides" for topic in topics],
            topics=topics,
            regression_notes=opinion.regression_notes,
            usage=usage,
        )

    async def _dishonesty(self, task: Task, artifact: Artifact) -> list[str]:
        """What a piece hides that it has to say. The Judge reads for itself what is answered."""
        if any(honesty.claims_humanity(part) for part in artifact.parts):
            return ["it claims that a human writes it"]
        mention = await mention_of(self._tools, task, [])
        if honesty.asked(mention) and not any(honesty.admits(part) for part in artifact.parts):
            return ["it was asked whether an AI writes, and does not say so"]
        return []

    async def _misshown(self, artifact: Artifact, setting: TaskContext) -> list[str]:
        """What is wrong with the pictures and clips. Where nobody can look, nothing is shown."""
        if not artifact.media:
            return []
        if self._gallery is None:
            return ["there is nothing here that could look at a picture or clip"]
        return await self._gallery.objections(artifact, setting)

    async def _repeats(self, task: Task, artifact: Artifact, setting: TaskContext) -> list[str]:
        """Why a piece is nothing new: the influencer, or another one of the fleet, has said nearly the same (JDG-6)."""
        for earlier in await self._reviews.lookalikes(task, resemblance.minhash(artifact.parts)):
            share = resemblance.similarity(artifact.parts, earlier.parts)
            if share >= setting.policy.near_duplicate:
                whose = "its own" if earlier.own else f"{earlier.persona}'s"
                return [f"{share:.0%} of it is {whose} earlier piece {earlier.url or ''}".rstrip()]
        return []

    async def _opinion(
        self, piece: PendingReview, setting: TaskContext, artifact: Artifact
    ) -> tuple[Opinion, str, Usage]:
        task = piece.task
        inputs: dict[str, JsonValue] = {
            "goal": task.dispatch.context.goal,
            "strategy": list(setting.brief.strategy),
            "persona": voice(setting),
            "content": list(artifact.parts),
            "facts": _facts(piece),
            "earlier": list(await self._reviews.earlier(task, _EARLIER)),
            "boundaries": list(setting.policy.boundaries),
        }
        prompt = prompts.render("judge", inputs)
        answer = await self._model.ask(task, Role.JUDGE, prompt, Opinion, seed=seed_of(piece.content_hash))
        return answer.output, answer.model_used, answer.usage

    async def _judgement(self, piece: PendingReview, setting: TaskContext, verdict: Verdict) -> CommitCommand:
        refused = isinstance(piece.spend, PolicyViolation)
        bare = CommitCommand(
            task=piece.task,
            verdict=verdict,
            content_hash=piece.content_hash,
            reservation_id=piece.reservation_id,
            revise=not refused and piece.result.status != "refused",
            max_revisions=setting.policy.max_revisions,
        )
        if verdict.decision is not Decision.APPROVE or piece.result.artifact is None:
            return bare
        asset_id = new_id()
        artifact = await self._signed(piece, piece.result.artifact, asset_id)
        asset = self._asset(piece, artifact, verdict, asset_id)
        changes = {
            "asset": asset,
            "costs": _costs(piece, verdict),
            "effect": self._effect(piece, artifact, asset, setting),
        }
        return bare.model_copy(update=changes)

    async def _signed(self, piece: PendingReview, artifact: Artifact, asset_id: UUID) -> Artifact:
        """The piece as it leaves: its files say themselves where they come from (PRV-1)."""
        if not artifact.media or self._gallery is None:
            return artifact
        prompt = piece.result.metadata.prompt
        prompt_hash = prompt.sha256 if prompt else None
        signed = [await self._gallery.sign(item, str(asset_id), piece.task, prompt_hash) for item in artifact.media]
        return artifact.model_copy(update={"media": signed})

    def _asset(self, piece: PendingReview, artifact: Artifact, verdict: Verdict, asset_id: UUID) -> AssetRecord:
        made, shown = piece.result.metadata, artifact.media[0] if artifact.media else None
        said = provenance.statement(str(asset_id), artifact, piece.task, made)
        return AssetRecord(
            asset_id=asset_id,
            model_version=", ".join([made.model_used, *(item.model for item in artifact.media)]),
            seed_values=[*made.seeds, *(str(item.seed) for item in artifact.media)],
            generation_duration_ms=made.compute_duration_ms,
            encoding_format=shown.facts.encoding_format if shown else "text/plain; charset=utf-8",
            frame_rate=shown.facts.frame_rate if shown else None,
            resolution=shown.facts.resolution if shown else None,
            storage_uri=shown.storage_uri if shown else f"db:asset/{asset_id}",
            parts=artifact.parts,
            media=artifact.media,
            sketch=resemblance.minhash(artifact.parts) if artifact.type != "transaction" else [],
            log_id=new_id(),
            planner_intent=piece.task.dispatch.context.goal,
            worker_output_prompt=made.prompt.text if made.prompt else "",
            mcp_tool_parameters={
                "target_mcp": piece.task.dispatch.tool_call.target_mcp,
                "action": piece.task.dispatch.tool_call.action,
                "parameters": dict(piece.task.dispatch.tool_call.parameters),
            },
            judge_validation_score=verdict.score,
            creative_regression_notes=verdict.regression_notes,
            provenance_id=new_id(),
            content_hash=provenance.hash_of(artifact),
            cryptographic_signature=self._signer.sign(signed_bytes(said)),
            statement=said,
        )

    def _effect(
        self, piece: PendingReview, artifact: Artifact, asset: AssetRecord, setting: TaskContext
    ) -> EffectOrder | None:
        task, call = piece.task, piece.task.dispatch.tool_call
        if not self._tools.effectful(call.target_mcp, call.action):
            return None
        amount = call.parameters.get("token_amount")
        platform = self._tools.platform(call.target_mcp)
        return EffectOrder(
            effect_id=new_id(),
            server=call.target_mcp,
            tool=call.action,
            arguments=publishing.arguments(
                task.dispatch, artifact, setting.persona.soul.account, task.upstream, platform
            ),
            disclosure=publishing.disclosure(call.action, platform),
            grant=Grant(
                tenant_id=task.tenant_id,
                content_hash=asset.content_hash,
                content_formula=provenance.FORMULA,
                soul_hash=task.soul_hash,
                state_version=task.state_version,
                limit=amount if isinstance(amount, str) else None,
                expires_at=datetime.now(UTC) + GRANT_LIFETIME,
            ),
            priority=task.dispatch.priority,
            reservation_id=piece.reservation_id,
        )


def _weigh_spend(piece: PendingReview, setting: TaskContext) -> Verdict:
    """A spend is weighed by rules: the brief must offer exactly it."""
    given = piece.task.dispatch.tool_call.parameters
    offered = {(item.token_amount, item.wallet) for item in setting.brief.promotions}
    if (given.get("token_amount"), given.get("wallet")) not in offered:
        return Verdict(
            decision=Decision.ESCALATE,
            score=0.75,
            judged_by="judge:rules",
            reasons=["the campaign's brief does not offer this spend: a human decides"],
        )
    return Verdict(
        decision=Decision.APPROVE,
        score=1.0,
        judged_by="judge:rules",
        reasons=["the campaign's brief offers this spend and the CFO has reserved it"],
    )


def _rejection(reasons: list[str]) -> Verdict:
    return Verdict(decision=Decision.REJECT, score=0.0, judged_by="judge:rules", reasons=reasons)


def _facts(piece: PendingReview) -> list[JsonValue]:
    """The facts the Worker was given, out of the prompt that is logged with its result.

    None for an agent outside the swarm: whoever makes a piece does not also supply what it is checked against.
    """
    rendered = piece.result.metadata.prompt
    return prompts.facts_of(rendered) if rendered and piece.task.dispatch.worker == "swarm" else []


def _costs(piece: PendingReview, verdict: Verdict) -> list[Cost]:
    """What writing and judging cost becomes the cost of the piece (FIN-4). What is not ours to pay has no mark."""
    made = piece.result.metadata
    spent = [("judging", verdict.usage)]
    own = piece.task.dispatch.worker == "swarm"
    if own:
        spent.insert(0, ("writing", made.usage))
    costs = [_cost(piece.task, what, usage, made.model_used) for what, usage in spent if usage and usage.tokens]
    drawn = piece.result.artifact.media if own and piece.result.artifact else []
    return [*costs, *(_cost(piece.task, "drawing", item.usage, item.model) for item in drawn if item.usage)]


def _cost(task: Task, what: str, usage: Usage, model: str) -> Cost:
    amount, _, currency = (usage.cost or f"{usage.tokens} COMPUTE").partition(" ")
    who = accounts.Spender(agent_id=task.agent_id, campaign_id=task.campaign_id, category=COMPUTE, payee=model)
    debit, credit = accounts.attributing(who, Decimal(amount))
    return Cost(
        transaction_id=new_id(),
        currency=currency,
        amount=amount,
        compute_tokens_used=usage.tokens,
        verification=usage.budget_verification_hash or "",
        debit=debit.account.code,
        credit=credit.account.code,
        memo=f"{what}: {usage.tokens} tokens of {model}",
    )
