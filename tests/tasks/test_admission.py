"""Rules that interfaces apply before they ask for anything."""

import pytest
from pydantic import JsonValue

from chimera.campaigns.rules import planning
from chimera.campaigns.types.plans import PlanDraft
from chimera.gateways.mcp.types import ToolCatalogue
from chimera.provenance.rules.hashes import FORMULA, content_hash, content_hashes
from chimera.roles import prompts
from chimera.tasks.service.admission import check_prompt
from chimera.tasks.types.work import Artifact, TaskDispatch
from chimera.wiring import System, statement_holds
from chimera.wiring.api import offered
from chimera_protocol.errors import Invalid
from chimera_protocol.statements import signed_bytes


async def test_a_plan_is_checked_against_the_configured_tools(system: System) -> None:
    def draft(tool: str) -> PlanDraft:
        call = {"target_mcp": "twitter-mcp", "action": tool}
        node = {"key": "a", "goal": "g", "tool_call": call}
        return PlanDraft.model_validate({"rationale": "r", "nodes": [node]})

    tools = offered(system).get(ToolCatalogue)
    planning.check(draft("post_tweet"), tools.names)
    with pytest.raises(Invalid, match="unknown tool twitter-mcp/fly"):
        planning.check(draft("fly"), tools.names)


async def test_a_piece_is_what_its_statement_says_under_one_key(system: System) -> None:
    piece = Artifact(type="thread", content=["Look up.", "Old light is old."])
    statement: dict[str, JsonValue] = {"content_hash": content_hash(piece.parts), "content_formula": FORMULA, "n": 1}
    signature, key = system.signer.sign(signed_bytes(statement)), system.signer.public_key
    assert statement_holds(statement, piece, signature, key)
    assert not statement_holds(statement, Artifact(type="text", content="Look up."), signature, key)
    assert not statement_holds({**statement, "n": 2}, piece, signature, key)
    assert not statement_holds(statement, piece, signature, "A" * 43)


async def test_a_statement_from_before_the_formula_had_a_name_still_holds(system: System) -> None:
    piece = Artifact(type="thread", content=["Look up.", "Old light is old."])
    statement: dict[str, JsonValue] = {"content_hash": content_hashes(piece.parts, [])[None]}
    signature, key = system.signer.sign(signed_bytes(statement)), system.signer.public_key
    assert statement_holds(statement, piece, signature, key)
    assert not statement_holds({**statement, "content_formula": FORMULA}, piece, signature, key)


@pytest.mark.parametrize(
    ("name", "version"), [("write", 99), ("judge", prompts.version("write"))], ids=["version", "name"]
)
def test_a_prompt_that_there_is_not_is_refused_with_the_one_that_there_is(name: str, version: int) -> None:
    def wanted(prompt: object) -> TaskDispatch:
        call = {"target_mcp": "twitter-mcp", "action": "post_tweet"}
        context = {"persona": "Nora", "goal": "Look up"}
        return TaskDispatch.model_validate(
            {"execution_id": "x", "context": context, "tool_call": call, "prompt": prompt}
        )

    check_prompt(wanted(None), prompts.version("write"))
    check_prompt(wanted({"name": "write", "version": prompts.version("write")}), prompts.version("write"))
    with pytest.raises(Invalid, match="no prompt template") as caught:
        check_prompt(wanted({"name": name, "version": version}), prompts.version("write"))
    assert f"version {prompts.version('write')}" in caught.value.remedy
