"""The composer as a link of a chain, beside models that providers run."""

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

from chimera.gateways.models.composer.model import Unanswerable, answer, told, words
from chimera.gateways.models.types import COMPOSER


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
        return COMPOSER

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
        try:
            text = answer(name, told(prompt), seed).model_dump_json()
        except Unanswerable as error:
            raise UnexpectedModelBehavior(str(error)) from error
        return ModelResponse(
            parts=[TextPart(text) if tool is None else ToolCallPart(tool.name, text, tool_call_id="composer-1")],
            model_name=self.model_name,
            provider_name=self.system,
            finish_reason="stop",
            usage=RequestUsage(input_tokens=words(prompt), output_tokens=words(text)),
        )


def _first_prompt(messages: list[ModelMessage]) -> str:
    for message in messages:
        if isinstance(message, ModelRequest):
            for part in message.parts:
                if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                    return part.content
    raise UnexpectedModelBehavior("the composer was asked nothing")
