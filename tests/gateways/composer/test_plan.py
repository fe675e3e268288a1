"""Planning and second tries."""

from decimal import Decimal

from chimera.campaigns.rules import planning
from chimera.gateways.models.composer.inputs import PlanInput, RevisionInput
from chimera.gateways.models.composer.plan import MAX_NODES, outline, revise
from chimera.gateways.models.composer.write import NOTES
from chimera.values import TaskKind

BOOST = {"token_amount": "50 USDC", "purpose": "Campaign ad spend", "wallet": "0xABCDEF1234567890"}


def plan(**inputs: object) -> PlanInput:
    return PlanInput.model_validate({"goal": "Praise old maps", **inputs})


def test_each_piece_is_a_node_and_topics_take_turns() -> None:
    drawn = outline(plan(deliverables=[{"count": 3, "topics": ["maps", "globes"]}]))
    assert [node.key for node in drawn.nodes] == ["post-1", "post-2", "post-3"]
    assert [node.tool_call.parameters for node in drawn.nodes] == [
        {"topic": "maps", "ordinal": 1},
        {"topic": "globes", "ordinal": 1},
        {"topic": "maps", "ordinal": 2},
    ]
    assert "second post on “maps”" in drawn.nodes[2].goal


def test_a_thread_says_how_long_it_is() -> None:
    order = {"action": "create_thread", "topics": ["maps"], "length": 3}
    call = outline(plan(deliverables=[order])).nodes[0].tool_call
    assert (call.action, call.parameters["length"]) == ("create_thread", "3 tweets")


def test_promotions_hang_on_pieces_in_turn() -> None:
    drawn = outline(plan(deliverables=[{"count": 2, "topics": ["maps"]}], promotions=[BOOST, BOOST, BOOST]))
    spends = [node for node in drawn.nodes if node.kind is TaskKind.SPEND]
    assert [node.depends_on for node in spends] == [["post-1"], ["post-2"], ["post-1"]]
    assert spends[0].tool_call.action == "promote_tweet"
    assert spends[0].tool_call.parameters == BOOST
    assert Decimal(BOOST["token_amount"].split()[0]) == 50
    planning.check(drawn)


def test_without_deliverables_there_is_one_piece_about_the_goal() -> None:
    drawn = outline(plan(goal="Write a post about old maps. Be kind."))
    assert [node.tool_call.parameters for node in drawn.nodes] == [{"topic": "old maps", "ordinal": 1}]


def test_a_plan_that_would_be_too_large_says_what_it_leaves_out() -> None:
    drawn = outline(plan(deliverables=[{"count": 50, "topics": ["maps"]}] * 20, promotions=[BOOST] * 10))
    assert len(drawn.nodes) == MAX_NODES
    assert "asks for 1000" in drawn.rationale
    planning.check(drawn)


def revision(**inputs: object) -> RevisionInput:
    return RevisionInput.model_validate({"goal": "Write on maps.", **inputs})


def test_prohibited_words_are_avoided_from_now_on() -> None:
    reasons = ["prohibited keyword: election", "312 words, at most 280 are allowed"]
    found = revise(revision(reasons=reasons, avoid=["tea"], content=["An election of maps."]))
    assert found.avoid == ["tea", "election"]
    assert "leave out the word “election”" in found.goal
    assert "312 words" in found.goal


def test_otherwise_the_fact_it_rested_on_is_avoided() -> None:
    content = ["1/1 Look: The Mercator projection of 1569 kept angles true. Nice.\n\nhttps://a.example/ #Maps"]
    found = revise(revision(reasons=["Near copy: 80 %."], content=content))
    assert len(found.avoid) == 1
    assert found.avoid[0] in content[0]


def test_notes_are_replaced_and_not_piled_up() -> None:
    once = revise(revision(reasons=["prohibited keyword: one"]))
    twice = revise(revision(goal=once.goal, avoid=once.avoid, reasons=["prohibited keyword: two"]))
    assert twice.goal.count(NOTES) == 1
    assert twice.avoid == ["one", "two"]
