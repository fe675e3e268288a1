"""What is hashed and signed about a piece says exactly which piece it is (PRV-1)."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from chimera.gateways.models.types import RenderedPrompt
from chimera.ids import new_id
from chimera.provenance.rules import hashes as provenance
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Artifact, DispatchContext, ResultMetadata, TaskDispatch, ToolCall
from chimera.values import TaskKind

HELLO = Artifact(type="text", content="Hello")
DIGESTS = ["7" * 64, "8" * 64]
OLD = '{"media":[],"parts":["a"],"v":2}'
texts = st.text(alphabet="ab \x1e\x1f", max_size=6) | st.sampled_from([f"sha256:{DIGESTS[0]}", OLD, f"\ufffd{OLD}"])
pieces = st.tuples(st.lists(texts, max_size=4), st.lists(st.sampled_from(DIGESTS), max_size=3))
Shown = tuple[list[str], list[str]]


def every(piece: Shown) -> set[str]:
    """Its hashes by all formulas that have one for it."""
    return {digest for digest in provenance.content_hashes(*piece).values() if digest}


@given(pieces, pieces)
@example((["a\x1eb"], []), (["a", "b"], []))
@example((["A", f"sha256:{DIGESTS[0]}"], []), (["A"], [DIGESTS[0]]))
@example(([f"sha256:{DIGESTS[0]}"], []), ([], [DIGESTS[0]]))
@example((["a"], []), ([OLD], []))
@example((["", ""], []), ([""], []))
def test_no_two_pieces_hash_alike_by_whatever_formula(one: Shown, other: Shown) -> None:
    assert (provenance.content_hash(*one) == provenance.content_hash(*other)) is (one == other)
    assert bool(every(one) & every(other)) is (one == other)


@given(pieces)
def test_a_hash_is_taken_under_its_own_formula_alone(piece: Shown) -> None:
    hashes = provenance.content_hashes(*piece)
    first, second = hashes[None], hashes[provenance.FORMULA]
    assert provenance.is_hash_of(second, provenance.FORMULA, hashes)
    assert provenance.is_hash_of(first, None, hashes) is (first != "")
    assert not provenance.is_hash_of(first, provenance.FORMULA, hashes)
    assert not provenance.is_hash_of(second, None, hashes)


@pytest.mark.parametrize(
    ("one", "other"), list(pairwise([["ab"], ["a", "b"], ["b", "a"], ["a", "b", ""], ["", "a", "b"]]))
)
def test_order_and_number_of_parts_count(one: list[str], other: list[str]) -> None:
    assert provenance.content_hash(one) != provenance.content_hash(other)


def test_the_formula_is_what_the_documentation_says() -> None:
    said = b'\xffchimera: content hash, version 2\n{"media":["' + b"7" * 64 + b'"],"parts":["abc","\xc3\xa9"],"v":2}'
    assert provenance.content_hash(["abc", "é"], DIGESTS[:1]) == hashlib.sha256(said).hexdigest()
    with pytest.raises(UnicodeDecodeError):
        said.decode()


def test_the_first_formula_is_what_it_always_was() -> None:
    """From rows that were signed before the formula had a name."""
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert provenance.content_hashes(["abc"], [])[None] == abc
    digests = [hashlib.sha256(said.encode()).digest() for said in ("abc", "d", f"sha256:{DIGESTS[0]}")]
    joined = hashlib.sha256(b"".join(digests)).hexdigest()
    assert provenance.content_hashes(["abc", "d"], DIGESTS[:1])[None] == joined


@pytest.mark.parametrize("formula", ["", "chimera-content/3", 2, 1.5, True, ["chimera-content/2"], {}])
@pytest.mark.parametrize("said", [None, "", 7, ["a"]])
def test_what_is_no_hash_or_no_formula_is_none_of_a_piece(said: JsonValue, formula: JsonValue) -> None:
    hashes = provenance.content_hashes(["A", f"sha256:{DIGESTS[0]}"], [])
    assert not provenance.is_hash_of(hashes[provenance.FORMULA], formula, hashes)
    assert not provenance.is_hash_of(said, None, hashes)
    assert not provenance.is_hash_of(said, provenance.FORMULA, hashes)


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
    assert provenance.statement("asset-1", HELLO, task("1" * 64), made) == {
        "asset_id": "asset-1",
        "content_hash": provenance.content_hash(["Hello"]),
        "content_formula": "chimera-content/2",
        "soul_hash": "1" * 64,
        "model": "gpt-vision-v2",
        "seeds": ["7"],
        "prompt_hash": "2" * 64,
        "source_type": "trainedAlgorithmicMedia",
    }


def test_a_text_of_the_composer_is_not_said_to_come_from_a_trained_model() -> None:
    made = ResultMetadata(compute_duration_ms=1, model_used="composer")
    said = provenance.statement("asset-1", HELLO, task("1" * 64), made)
    assert (said["source_type"], said["prompt_hash"]) == ("algorithmicMedia", None)
