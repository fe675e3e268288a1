"""The examples are real input: they parse, their posts read well, and a run shows how a piece can go."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from pydantic import BaseModel, JsonValue

from chimera.campaigns.rules import planning
from chimera.campaigns.types.brief import Brief
from chimera.campaigns.types.plans import PlanDraft, PlanNode, Revision
from chimera.gateways.mcp.types import Platform
from chimera.gateways.models.composer.model import answer, told
from chimera.gateways.models.composer.text import numbers, weight
from chimera.personas import rules as persona
from chimera.personas.types.persona import Persona
from chimera.personas.types.policy import Policy
from chimera.review.rules import judging
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.tasks.types.work import Artifact, Draft
from chimera.values import Decision, TaskKind
from chimera_connectors.news.entries import parse
from chimera_connectors.news.items import FeedItem
from chimera_protocol.money import Money

EXAMPLES = Path(__file__).parents[2] / "examples"
PLATFORM = Platform(max_length=280, ai_label="ai_label")
POLICY = Policy.model_validate(yaml.safe_load((EXAMPLES / "fleet.yaml").read_text("utf-8")))
PERSONAS = {
    found.soul.id: found
    for found in (persona.parse(path.read_text("utf-8")) for path in EXAMPLES.glob("personas/*/SOUL.md"))
}
FEEDS: dict[str, str] = yaml.safe_load((EXAMPLES / "feeds/feeds.yaml").read_text("utf-8"))
BRIEFS = [
    Brief.model_validate(yaml.safe_load(path.read_text("utf-8"))) for path in sorted(EXAMPLES.glob("campaigns/*.yaml"))
]


class Try(NamedTuple):
    """One draft of one piece, and what became of it."""

    node: str
    draft: Draft
    breaches: list[str]
    topics: list[str]
    decision: Decision


def items(brief: Brief) -> list[FeedItem]:
    return [
        item
        for source in brief.sources
        for item in parse(source.feed, (EXAMPLES / "feeds" / FEEDS[source.feed]).read_bytes())
    ]


def ask(name: str, output: type[BaseModel], inputs: dict[str, JsonValue], seed: int) -> BaseModel:
    return answer(output.__name__, told(prompts.render(name, inputs).text), seed)


def speaker(who: Persona) -> dict[str, JsonValue]:
    return who.soul.model_dump(mode="json", include={"name", "voice_traits", "directives", "hashtags"})


def plan(brief: Brief, seed: int) -> PlanDraft:
    wanted = brief.model_dump(mode="json", include={"goal", "strategy", "deliverables", "promotions", "constraints"})
    drafted = ask("plan", PlanDraft, {**wanted, "persona": speaker(PERSONAS[brief.persona])}, seed)
    assert isinstance(drafted, PlanDraft)
    planning.within(drafted, brief)
    return drafted


def run(brief: Brief, seed: int, *, remembers: bool) -> list[Try]:
    """The whole campaign as the roles would run it; without memory it is as if all pieces ran at once."""
    tries: list[Try] = []
    earlier: list[str] = []
    for node in planning.check(plan(brief, seed)):
        if node.kind is TaskKind.CREATE:
            tries += piece(brief, node, earlier if remembers else [], seed)
            if tries[-1].decision is Decision.APPROVE:
                earlier.insert(0, "\n".join(tries[-1].draft.posts))
    return tries


def piece(brief: Brief, node: PlanNode, earlier: list[str], seed: int) -> list[Try]:
    who = speaker(PERSONAS[brief.persona])
    facts: JsonValue = [item.model_dump(mode="json") for item in items(brief)]
    constraints = brief.constraints.model_dump(mode="json")
    goal, avoid, tries = node.goal, list[str](), list[Try]()
    for revision in range(POLICY.max_revisions + 1):
        shared: dict[str, JsonValue] = {"persona": who, "facts": facts, "earlier": [*earlier]}
        call: dict[str, JsonValue] = {
            "goal": goal,
            "action": node.tool_call.action,
            **node.tool_call.parameters,
        }
        bounds: dict[str, JsonValue] = {"constraints": constraints, "avoid": [*avoid], "character_limit": 280}
        draft = ask("write", Draft, {**shared, **call, **bounds}, seed + 31 * revision)
        assert isinstance(draft, Draft)
        judged: dict[str, JsonValue] = {"goal": brief.goal, "strategy": [*brief.strategy]}
        opinion = ask("judge", Opinion, {**shared, **judged, "content": [*draft.posts]}, seed)
        assert isinstance(opinion, Opinion)
        threaded = len(draft.posts) > 1
        artifact = Artifact(type="thread" if threaded else "text", content=draft.posts if threaded else draft.posts[0])
        breaches = judging.breaches(artifact, brief.constraints, POLICY, PLATFORM)
        topics = judging.sensitive("\n".join(draft.posts), POLICY.sensitive_topics)
        decision = judging.decide(opinion.score / 100, topics=topics, bounds=POLICY.bounds)
        decision = Decision.REJECT if breaches else decision
        tries.append(Try(node.key, draft, breaches, topics, decision))
        if decision is not Decision.REJECT:
            break
        notes: dict[str, JsonValue] = {"goal": goal, "content": [*draft.posts], "avoid": [*avoid]}
        revised = ask("revise", Revision, {**notes, "reasons": [*(breaches or opinion.reasons)]}, seed)
        assert isinstance(revised, Revision)
        goal, avoid = revised.goal, revised.avoid
    return tries


def test_two_personas_are_honest_and_have_a_campaign_each() -> None:
    assert set(PERSONAS) == {"TechInfluencer", "NightSkyNora"}
    assert {brief.persona for brief in BRIEFS} == set(PERSONAS)
    for found in PERSONAS.values():
        assert "I am an AI" in found.body
        assert any("whether you are an AI" in line for line in found.soul.directives)
        assert {source.feed for source in found.soul.sources} <= set(FEEDS)


def test_every_feed_has_enough_to_say() -> None:
    versions = {(EXAMPLES / "feeds" / file).read_text("utf-8").split("\n")[1][:5] for file in FEEDS.values()}
    assert versions == {"<rss ", "<feed"}
    for name, file in FEEDS.items():
        found = parse(name, (EXAMPLES / "feeds" / file).read_bytes())
        assert 12 <= len(found) <= 20
        assert len({item.id for item in found}) == len(found)
        for item in found:
            assert item.title
            assert item.summary.endswith(".")
            assert item.link.startswith("https://")
            assert item.published_at is not None
            assert weight(f"{item.summary}\n\n{item.link}") <= 280


def test_one_promotion_is_within_the_day_and_one_is_over_it() -> None:
    day = next(limit.money for limit in POLICY.limits if limit.span == "day")
    wanted = [Money.parse(boost.token_amount) for brief in BRIEFS for boost in brief.promotions]
    assert sorted(money.amount <= day.amount for money in wanted) == [False, True]


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_a_run_publishes_holds_and_revises(seed: int, remembers: bool) -> None:
    tries = {brief.persona: run(brief, seed, remembers=remembers) for brief in BRIEFS}
    every = [item for found in tries.values() for item in found]
    assert sum(item.decision is Decision.APPROVE for item in every) >= 6
    assert sum(item.decision is Decision.ESCALATE for item in every) >= 1
    assert any(item.topics == ["health"] for item in every)
    for found in tries.values():
        assert len({item.node for item in found}) >= 4
        assert any(item.decision is Decision.APPROVE for item in found)
    twice = [key for key, count in Counter(item.node for item in tries["TechInfluencer"]).items() if count == 2]
    first, second = (item for item in tries["TechInfluencer"] if item.node in twice)
    assert first.breaches == ["prohibited keyword: politics"]
    assert second.decision is Decision.APPROVE


@pytest.mark.parametrize("seed", range(12))
def test_no_post_is_clumsy(seed: int) -> None:
    for brief in BRIEFS:
        tries = run(brief, seed, remembers=True)
        texts = [item.draft for item in tries if item.decision is Decision.APPROVE]
        posts = [post for draft in texts for post in draft.posts]
        given = " ".join(f"{item.title} {item.summary}" for item in items(brief))
        assert len(set(posts)) == len(posts)
        assert all(draft.sources for draft in texts)
        openings = [post.partition(":")[0] for post in posts if ":" in post[:45] and "http" not in post[:45]]
        assert len(set(openings)) == len(openings)
        for post in posts:
            assert weight(post) <= 280
            assert "  " not in post
            assert post.count("#") <= 1
            assert numbers(post.removeprefix(f"{post[0]}/3 ")) <= numbers(given)


def test_no_example_names_a_machine_path() -> None:
    words = [*(f"/{folder}/" for folder in ("work", "home", "tmp")), "localhost"]
    for path in (path for path in EXAMPLES.rglob("*") if path.is_file()):
        assert not any(word in path.read_text("utf-8") for word in words)


def test_prompts_are_versioned_and_say_that_data_is_no_instruction() -> None:
    for name in ("plan", "write", "judge", "revise"):
        prompt = prompts.render(name, {"goal": "x"})
        assert prompt.version >= 1
        assert "data" in prompt.text
        assert json.loads(told(prompt.text)) == {"goal": "x"}
