"""The composer: deterministic answers to the swarm's four questions, from the given facts alone."""

import json
import re
from collections.abc import Sequence
from time import monotonic

from pydantic import BaseModel, ValidationError

from chimera.campaigns.types.plans import PlanDraft, Revision
from chimera.errors import ModelFailed
from chimera.gateways.models.composer.inputs import DraftInput, OpinionInput, PlanInput, RevisionInput
from chimera.gateways.models.composer.judge import weigh
from chimera.gateways.models.composer.plan import outline, revise
from chimera.gateways.models.composer.write import compose
from chimera.gateways.models.types import COMPOSER, ModelAnswer, ModelBounds, Out, RenderedPrompt, Usage
from chimera.review.types.opinion import Opinion
from chimera.tasks.types.work import Draft
from chimera.values import Role
from chimera_protocol.money import Money

_FENCE = re.compile(r"\n\n## Input\n\n```json\n")


class Unanswerable(ValueError):
    """The composer was asked what it does not know, or not given what it needs."""


class ComposerModel:
    """The port `Model` where the composer is the only model: it needs neither an SDK nor a network."""

    def __init__(self, bounds: ModelBounds | None = None) -> None:
        self._bounds = bounds or ModelBounds()

    def ceilings(self, role: Role, prompt: RenderedPrompt) -> Sequence[Money]:
        """Its counted tokens."""
        return [self._bounds.compute(prompt)]

    async def ask(self, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int) -> ModelAnswer[Out]:
        """Answer at once. ModelFailed for a prompt that it cannot read."""
        begun = monotonic()
        try:
            found = answer(output.__name__, told(prompt.text), seed)
        except Unanswerable as error:
            raise ModelFailed(f"{role}: the answer does not fit {output.__name__}: {error}", billed=False) from error
        if not isinstance(found, output):
            raise ModelFailed(f"{role}: the answer is a {type(found).__name__}, not a {output.__name__}")
        return ModelAnswer(
            output=found,
            model_used=COMPOSER,
            seed=seed,
            usage=Usage(input_tokens=words(prompt.text), output_tokens=words(found.model_dump_json())),
            duration_ms=round((monotonic() - begun) * 1_000),
            unbilled=True,
        )


def words(text: str) -> int:
    """The composer's tokens."""
    return len(text.split())


def told(prompt: str) -> str:
    """The JSON behind the last input heading of a prompt."""
    fences = list(_FENCE.finditer(prompt))
    if not fences:
        raise Unanswerable("the composer found no input in the prompt")
    return prompt[fences[-1].end() :].rpartition("\n```")[0]


def answer(name: str, given: str, seed: int) -> BaseModel:
    """The wanted output, by its name. Unanswerable when the input does not do for it."""
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
                raise Unanswerable(f"the composer knows no output {name!r}")
    except ValidationError as error:
        found = json.dumps(error.errors(include_input=False, include_url=False)[:3], default=str)
        raise Unanswerable(f"the input does not do for a {name}: {found}") from error
    except ValueError as error:
        raise Unanswerable(f"the composer has no {name}: {error}") from error
