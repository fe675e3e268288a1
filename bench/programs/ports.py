"""Ports that do nothing, so that a cycle costs what the swarm and its stores cost."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, JsonValue

from chimera.gateways.mcp.types import Platform, ToolResult
from chimera.gateways.models.types import ModelAnswer, RenderedPrompt, Usage
from chimera.money.types.authorization import Decided
from chimera.money.types.messages import SpendOrder
from chimera.review.types.opinion import Opinion
from chimera.tasks.types.messages import Task
from chimera.tasks.types.work import Draft
from chimera.values import Role
from chimera_protocol.errors import NotFound
from chimera_protocol.payments import PaymentOrder

Out = TypeVar("Out", bound=BaseModel)

_ENDS = ("ack", "ade", "ain", "ame", "ant", "arn", "ate", "een", "ell", "est", "ick", "ine", "old", "one", "ore", "unt")
_ANSWERS: Mapping[type, Mapping[str, JsonValue]] = {
    Draft: {
        "sources": [],
        "notes": "Written by nobody, to measure everything else.",
        "confidence": 90,
    },
    Opinion: {"score": 95, "reasons": ["It says one thing and says it plainly."], "regression_notes": "None."},
}


_WORDS = [f"{begin}{end}" for begin in "bdfghklmnprstvwz" for end in _ENDS]


class NoModel:
    """A paid model with one answer to each question, and a small one's usage; `bench spend` measures paying."""

    async def ask(
        self, task: Task, role: Role, prompt: RenderedPrompt, output: type[Out], *, seed: int
    ) -> ModelAnswer[Out]:
        given = dict(_ANSWERS[output])
        if output is Draft:
            given["posts"] = [_saying(task.task_id)]
        return ModelAnswer[Out](
            output=output.model_validate(given),
            model_used="none",
            seed=seed,
            usage=Usage(input_tokens=400, output_tokens=40),
            duration_ms=0,
        )


def _saying(task_id: UUID) -> str:
    """A post like no other: the Judge turns down what the fleet has said before."""
    return f"{' '.join(_WORDS[byte] for byte in hashlib.sha256(task_id.bytes).digest()[:15])}."


class NoTools:
    """A host that knows every tool and lets all of them act, so that a commit grants an effect."""

    async def call(self, server: str, tool: str, arguments: Mapping[str, JsonValue]) -> ToolResult:
        raise NotFound(f"{server}/{tool}: there are no tools here")

    def knows(self, server: str, tool: str) -> bool:
        return True

    def effectful(self, server: str, tool: str) -> bool:
        return True

    def platform(self, server: str) -> Platform:
        return Platform(max_length=280, ai_label="ai_label")


class NoMemory:
    """Nothing is remembered."""

    async def recall(self, tenant_id: UUID, agent_id: UUID, about: str, limit: int) -> list[str]:
        return []


class NoCfo:
    """Nobody asks for money here."""

    async def authorise(self, order: SpendOrder) -> Decided:
        raise NotFound("there is no treasury here")

    def instruct(self, order: PaymentOrder) -> str:
        raise NotFound("there is no treasury here")


class NoPulse:
    """Nobody watches."""

    async def thinking(self, task: Task, role: Role) -> None:
        return
