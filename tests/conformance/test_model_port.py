"""What every model behind `ports.Model` does for the four questions of the swarm."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from pydantic import BaseModel, JsonValue
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.profiles import ModelProfile

from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.errors import ModelFailed
from chimera.gateways.models.composer.model import ComposerModel
from chimera.gateways.models.gateway import ModelGateway
from chimera.gateways.models.types import COMPOSER, Model
from chimera.review.types.opinion import Opinion
from chimera.roles import prompts
from chimera.tasks.types.work import Draft
from chimera.values import Role

PERSONA: JsonValue = {"name": "Nora", "voice_traits": ["calm"], "directives": ["Be kind."], "hashtags": []}
FACTS: JsonValue = [{"id": "f1", "title": "Old light", "summary": "The light of Vega left it 25 years ago."}]
QUESTIONS: dict[str, tuple[Role, type[BaseModel], dict[str, JsonValue]]] = {
    "plan": (Role.PLANNER, PlanDraft, {"goal": "Look up", "strategy": ["gently"], "deliverables": []}),
    "write": (Role.WORKER, Draft, {"goal": "Old light", "topic": "old light", "persona": PERSONA, "facts": FACTS}),
    "judge": (Role.JUDGE, Opinion, {"goal": "Old light", "content": ["Old light is old."], "facts": FACTS}),
    "revise": (Role.PLANNER, Revision, {"goal": "Old light", "content": ["x"], "reasons": ["too short"]}),
}


def broken() -> FunctionModel:
    async def refuse(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise ModelHTTPError(503, "broken")

    native = ModelProfile(supports_json_schema_output=True, default_structured_output_mode="native")
    return FunctionModel(refuse, model_name="broken", profile=native)


def chain(*names: str) -> ModelGateway:
    return ModelGateway({role: list(names) for role in Role}, built={"broken": broken()}, timeout_s=10)


MAKERS: dict[str, Callable[[], Model]] = {
    "the composer alone": ComposerModel,
    "the composer": lambda: chain(COMPOSER),
    "a chain whose first model fails": lambda: chain("broken", COMPOSER),
}


@pytest.fixture(params=list(MAKERS))
def model(request: pytest.FixtureRequest) -> Model:
    return MAKERS[request.param]()


@pytest.mark.parametrize("name", QUESTIONS)
async def test_every_question_of_the_swarm_has_a_typed_answer(model: Model, name: str) -> None:
    role, output, inputs = QUESTIONS[name]
    answer = await model.ask(role, prompts.render(name, inputs), output, seed=7)
    assert isinstance(answer.output, output)
    assert (answer.model_used, answer.seed) == ("composer", 7)
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0
    assert answer.usage.cost is None or Decimal(answer.usage.cost.split(" ")[0]) > 0
    assert answer.duration_ms >= 0


@pytest.mark.parametrize("name", QUESTIONS)
async def test_the_same_prompt_and_seed_give_the_same_answer(model: Model, name: str) -> None:
    role, output, inputs = QUESTIONS[name]
    prompt = prompts.render(name, inputs)
    first, second = [await model.ask(role, prompt, output, seed=7) for _ in range(2)]
    assert first.output == second.output


async def test_a_question_that_cannot_be_answered_is_a_model_failed(model: Model) -> None:
    with pytest.raises(ModelFailed):
        await model.ask(Role.WORKER, prompts.render("write", {"facts": "soup"}), Draft, seed=1)


async def test_a_chain_of_failures_is_a_model_failed_that_names_them() -> None:
    with pytest.raises(ModelFailed, match="503"):
        await chain("broken").ask(Role.JUDGE, prompts.render("judge", {}), Opinion, seed=1)
