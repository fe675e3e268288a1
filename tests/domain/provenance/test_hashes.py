"""What is hashed and signed about a piece says exactly which piece it is (PRV-1)."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chimera.gateways.models.types import RenderedPrompt
from chimera.ids import new_id
from chimera.provenance.rules import hashes as provenance
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import DispatchContext, ResultMetadata, TaskDispatch, ToolCall
from chimera.values import TaskKind

parts = st.lists(st.text(alphabet="ab \x1e\x1f", max_size=6), min_size=1, max_size=4)


@given(parts, parts)
@example(["a\x1eb"], ["a", "b"])
def test_no_two_splits_of_a_text_hash_alike(one: list[str], other: list[str]) -> None:
    assert (provenance.content_hash(one) == provenance.content_hash(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"), list(pairwise([["ab"], ["a", "b"], ["b", "a"], ["a", "b", ""], ["", "a", "b"]]))
)
def test_order_and_number_of_parts_count(one: list[str], other: list[str]) -> None:
    assert provenance.content_hash(one) != provenance.content_hash(other)


def test_the_hash_of_one_text_is_the_sha_256_of_its_bytes() -> None:
    assert provenance.content_hash(["abc"]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def task(soul_hash: str) -> Task:
    return Task(
        task_id=new_id(),
        tenant_id=new_id(),
        agent_id=new_id(),
        campaign_id=new_id(),
        parent_id=None,
        kind=TaskKind.CREATE,
        attempt=1,
        tries=1,
        revision=0,
        state_version=1,
        soul_hash=soul_hash,
        policy_hash="",
        dispatch=TaskDispatch(
            execution_id="e",
            context=DispatchContext(persona="Nora", goal="g"),
            tool_call=ToolCall(target_mcp="twitter-mcp", action="post_tweet"),
        ),
    )


def test_the_statement_says_which_content_made_by_what_under_which_persona() -> None:
    prompt = RenderedPrompt(name="write", version=1, sha256="2" * 64, text="Write.")
    made = ResultMetadata(compute_duration_ms=1, model_used="gpt-vision-v2", seeds=["7"], prompt=prompt)
    assert provenance.statement("asset-1", ["Hello"], task("1" * 64), made) == {
        "asset_id": "asset-1",
        "content_hash": provenance.content_hash(["Hello"]),
        "soul_hash": "1" * 64,
        "model": "gpt-vision-v2",
        "seeds": ["7"],
        "prompt_hash": "2" * 64,
        "source_type": "trainedAlgorithmicMedia",
    }


def test_a_text_of_the_composer_is_not_said_to_come_from_a_trained_model() -> None:
    made = ResultMetadata(compute_duration_ms=1, model_used="composer")
    said = provenance.statement("asset-1", ["Hello"], task("1" * 64), made)
    assert (said["source_type"], said["prompt_hash"]) == ("algorithmicMedia", None)
