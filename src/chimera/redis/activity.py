"""Live state in Redis: who is thinking about what, right now (DAT-3). Nothing here is ever the truth."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from redis.asyncio import Redis

from chimera.redis.connection import reaching
from chimera.tasks.types.messages import Task
from chimera.values import Role

_SECONDS = 5


class RedisActivity:
    """Implements `ports.Pulse`."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def thinking(self, task: Task, role: Role) -> None:
        """Show the influencer as busy in this role, for a few seconds."""
        busy = json.dumps({"role": role.value, "goal": task.dispatch.context.goal[:200], "task": str(task.task_id)})
        async with reaching():
            await self._client.set(_key(task.agent_id), busy, ex=_SECONDS)

    async def busy(self, agents: Sequence[UUID]) -> Mapping[UUID, dict[str, str]]:
        """What these influencers are doing; those at rest are missing."""
        if not agents:
            return {}
        async with reaching():
            found = await self._client.mget([_key(agent) for agent in agents])
        return {agent: json.loads(text) for agent, text in zip(agents, found, strict=True) if text}


def _key(agent: UUID) -> str:
    return f"chimera:pulse:{agent}"
