"""A plan hangs together before any of it runs (ORC-9)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from chimera.campaigns.rules import planning
from chimera.campaigns.types.brief import Brief, Promotion
from chimera.campaigns.types.plans import PlanDraft, PlanNode
from chimera.media.types import Generator, Tier
from chimera.money.types.limits import Limit
from chimera.tasks.types.work import ToolCall
from chimera.values import Priority, TaskKind
from chimera_protocol.errors import Invalid

TWEET = ToolCall(target_mcp="twitter-mcp", action="post_tweet")


def node(key: str, *depends_on: str, call: ToolCall = TWEET) -> PlanNode:
    return PlanNode(key=key, goal=f"do {key}", tool_call=call, depends_on=list(depends_on))


def draft(*nodes: PlanNode) -> PlanDraft:
    return PlanDraft(rationale="because", nodes=list(nodes))


@st.composite
def graphs(draw: st.DrawFn) -> PlanDraft:
    """A graph without circles, its nodes in any order."""
    count = draw(st.integers(1, 12))
    nodes = [
        node(f"n{i}", *(f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=4)) if i) if i else ())
        for i in range(count)
    ]
    return draft(*draw(st.permutations(nodes)))


@given(graphs())
def test_the_order_has_every_node_once_and_after_what_it_depends_on(plan: PlanDraft) -> None:
    order = [found.key for found in planning.check(plan)]
    assert sorted(order) == sorted(found.key for found in plan.nodes)
    for found in plan.nodes:
        assert all(order.index(key) < order.index(found.key) for key in found.depends_on)


@given(graphs())
def test_the_tree_shows_every_node_once_below_the_first_it_depends_on(plan: PlanDraft) -> None:
    rows = planning.tree(plan)
    assert sorted(found.key for _, found in rows) == sorted(found.key for found in plan.nodes)
    depth = {found.key: level for level, found in rows}
    for found in plan.nodes:
        assert depth[found.key] == (depth[found.depends_on[0]] + 1 if found.depends_on else 0)


@given(graphs(), st.data())
def test_a_circle_is_refused_wherever_it_is(plan: PlanDraft, data: st.DataObject) -> None:
    first = data.draw(st.sampled_from(plan.nodes))
    closed = [*plan.nodes, node("last", first.key)]
    closed[closed.index(first)] = node(first.key, *first.depends_on, "last")
    with pytest.raises(Invalid, match="goes in a circle"):
        planning.check(draft(*closed))


def test_a_node_that_waits_for_itself_is_a_circle() -> None:
    with pytest.raises(Invalid, match="circle: a -> a"):
        planning.check(draft(node("a", "a")))


def test_twin_keys_are_refused_by_name() -> None:
    with pytest.raises(Invalid, match="twice: a, b"):
        planning.check(draft(node("b"), node("a"), node("a"), node("b"), node("c")))


def test_a_dependency_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="node a depends on nodes that do not exist: y, z"):
        planning.check(draft(node("a", "z", "y", "b"), node("b")))


def test_an_unknown_tool_is_refused_and_the_known_ones_are_named() -> None:
    known = frozenset({("twitter-mcp", "post_tweet")})
    assert planning.check(draft(node("a")), known)
    stranger = node("b", call=ToolCall(target_mcp="bank-mcp", action="transfer"))
    with pytest.raises(Invalid, match="unknown tool bank-mcp/transfer") as refusal:
        planning.check(draft(node("a"), stranger), known)
    assert "twitter-mcp/post_tweet" in refusal.value.remedy


def brief(*amounts: str) -> Brief:
    promotions = [{"token_amount": amount, "purpose": "reach", "wallet": "0xA"} for amount in amounts]
    budget = [{"span": "day", "amount": "200 USDC"}]
    given = {"persona": "Nora", "name": "n", "goal": "g", "strategy": ["s"]}
    return Brief.model_validate({**given, "budget": budget, "promotions": promotions})


def spend(amount: object) -> PlanNode:
    parameters = {"token_amount": amount, "wallet": "0xA"}
    call = ToolCall.model_validate({"target_mcp": "t", "action": "promote_tweet", "parameters": parameters})
    return node("pay", call=call).model_copy(update={"kind": TaskKind.SPEND})


def test_a_plan_may_spend_what_the_brief_offers() -> None:
    planning.within(draft(node("a"), spend("50 USDC")), brief("50 USDC"))


@pytest.mark.parametrize("amount", ["51 USDC", "50 ETH", "500 USDC", 50, ["50 USDC"]])
def test_a_plan_may_not_spend_what_the_brief_does_not_offer(amount: object) -> None:
    with pytest.raises(Invalid, match="node pay wants to spend"):
        planning.within(draft(spend(amount)), brief("50 USDC"))


MEDIA = Generator(server="fal-mcp", tool="run", arguments={}, prices={Tier.DAILY: "1 USD", Tier.HERO: "5 USD"})


def media(key: str, priority: Priority = Priority.HIGH, **parameters: str) -> PlanNode:
    call = ToolCall(target_mcp="twitter-mcp", action="post_tweet", parameters={"media": "image", **parameters})
    return PlanNode(key=key, goal="g", tool_call=call, priority=priority)


def budgeted(*limits: str, promotions: Sequence[str] = ()) -> Brief:
    """`day 5 USD` is a limit."""
    return Brief(
        persona="Nora",
        name="n",
        goal="g",
        strategy=["s"],
        budget=[Limit.model_validate(dict(zip(("span", "amount"), one.split(" ", 1), strict=True))) for one in limits],
        promotions=[Promotion(token_amount=amount, purpose="p", wallet="w") for amount in promotions],
    )


def tiers(plan: PlanDraft, brief: Brief, maker: Generator = MEDIA) -> list[JsonValue]:
    found = planning.with_tiers(plan, brief, {"image": maker})
    assert [one.key for one in found.nodes] == [one.key for one in plan.nodes]
    return [one.tool_call.parameters.get("tier") for one in found.nodes]


@pytest.mark.parametrize(
    ("limits", "promotions", "expected"),
    [
        (["total 100 USD"], [], ["hero", "hero", "daily"]),
        (["total 7 USD"], [], ["hero", "daily", "daily"]),  # 3 for all of them, 4 more for the first
        (["total 6 USD"], [], ["daily", "daily", "daily"]),
        (["total 100 USD", "day 7 USD"], [], ["hero", "daily", "daily"]),
        (["total 100 USD", "transaction 4 USD"], [], ["daily", "daily", "daily"]),
        (["total 100 USD"], ["93 USD"], ["hero", "daily", "daily"]),
        (["total 100 EUR"], [], ["daily", "daily", "daily"]),
    ],
)
def test_milestones_get_the_better_tier_as_far_as_the_budget_goes(
    limits: list[str], promotions: list[str], expected: list[str]
) -> None:
    plan = draft(media("a"), media("b"), media("c", Priority.MEDIUM))
    assert tiers(plan, budgeted(*limits, promotions=promotions)) == expected


def test_what_costs_nothing_needs_no_budget_and_what_the_author_chose_stays() -> None:
    free = MEDIA.model_copy(update={"prices": {}})
    plan = draft(media("a"), media("b", tier="daily"), media("c", Priority.LOW, tier="hero"), node("d"))
    assert tiers(plan, budgeted("total 1 EUR"), free) == ["hero", "daily", "hero", None]
