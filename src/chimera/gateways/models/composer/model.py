"""The composer: a deterministic model that plans, writes, judges and revises from the given facts alone."""

import json
import re

from pydantic import BaseModel, ValidationError
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.gateways.models.composer.inputs import DraftInput, OpinionInput, PlanInput, RevisionInput
from chimera.gateways.models.composer.judge import weigh
from chimera.gateways.models.composer.plan import outline, revise
from chimera.gateways.models.composer.write import compose
from chimera.review.types.opinion import Opinion
from chimera.tasks.types.work import Draft

_FENCE = re.compile(r"\n\n## Input\n\n```json\n")


class Composer(Model[None]):
    """A model without network, key or price; its tokens are counted words.

    It answers the four outputs of the swarm's prompts, and UnexpectedModelBehavior to anything else.
    """

    def __init__(self) -> None:
        profile = ModelProfile(supports_json_schema_output=True, default_structured_output_mode="native")
        super().__init__(profile=profile)

    @property
    def model_name(self) -> str:
        """Its name in settings, logs and provenance."""
        return "composer"

    @property
    def system(self) -> str:
        """The provider: Chimera itself."""
        return "chimera"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Answer the first user prompt; what follows it is feedback on an answer that did not fit."""
        settings, wanted = self.prepare_request(model_settings, model_request_parameters)
        prompt = _first_prompt(messages)
        tool = wanted.output_tools[0] if wanted.output_mode == "tool" and wanted.output_tools else None
        if tool is not None:
            name = str(tool.parameters_json_schema.get("title") or tool.name)
        else:
            name = (wanted.output_object.name if wanted.output_object is not None else None) or "text"
        seed = (settings or {}).get("seed", 0)
        text = answer(name, told(prompt), seed).model_dump_json()
        return ModelResponse(
            parts=[TextPart(text) if tool is None else ToolCallPart(tool.name, text, tool_call_id="composer-1")],
            model_name=self.model_name,
            provider_name=self.system,
            finish_reason="stop",
            usage=RequestUsage(input_tokens=len(prompt.split()), output_tokens=len(text.split())),
        )


def told(prompt: str) -> str:
    """The JSON behind the last input heading of a prompt."""
    fences = list(_FENCE.finditer(prompt))
    if not fences:
        raise UnexpectedModelBehavior("the composer found no input in the prompt")
    return prompt[fences[-1].end() :].rpartition("\n```")[0]


def answer(name: str, given: str, seed: int) -> BaseModel:
    """The wanted output, by its name. UnexpectedModelBehavior when the input does not do for it."""
    try:
        match name:
            case PlanDraft.__name__:
                return outline(PlanInput.model_validate_json(given))
            case Draft.__name__:
                return compose(DraftInput.model_validate_json(given), seed)
            case Opinion.__name__:
                return weigh(OpinionInput.model_validate_json(given))
            case Revision.__name__:
                return revise(RevisionInput.model_validate_json(given))
            case _:
                raise UnexpectedModelBehavior(f"the composer knows no output {name!r}")
    except ValidationError as error:
        found = json.dumps(error.errors(include_input=False, include_url=False)[:3], default=str)
        raise UnexpectedModelBehavior(f"the input does not do for a {name}: {found}") from error
    except ValueError as error:
        raise UnexpectedModelBehavior(f"the composer has no {name}: {error}") from error


def _first_prompt(messages: list[ModelMessage]) -> str:
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                    return part.content
    raise UnexpectedModelBehavior("the composer was asked nothing")
