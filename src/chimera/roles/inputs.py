"""What the prompts of all roles have in common: how a persona is shown, where a seed comes from."""

import hashlib

from pydantic import JsonValue

from chimera.campaigns.types.messages import TaskContext
from chimera.gateways.mcp.types import ToolRecord, Tools
from chimera.tasks.types.messages import Task

_MENTION = 2_000
"""Characters of a post that are looked at."""


def voice(setting: TaskContext) -> dict[str, JsonValue]:
    """The persona as prompts show it."""
    soul = setting.persona.soul
    return {
        "name": soul.name,
        "voice_traits": list(soul.voice_traits),
        "directives": list(soul.directives),
        "hashtags": list(soul.hashtags),
        "backstory": setting.persona.body[:4_000],
    }


def seed_of(*parts: object) -> int:
    """A seed that is the same for the same wish, so that a run can be repeated; it is logged with the piece."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()[:4], "big") >> 1


async def mention_of(tools: Tools, task: Task, tool_log: list[ToolRecord]) -> str:
    """The post that a reply answers, read from its platform: public text, and so data (MCP-3). Empty for the rest."""
    call = task.dispatch.tool_call
    tool, post_id = tools.platform(call.target_mcp).read_post, call.parameters.get("in_reply_to")
    if tool is None or post_id is None:
        return ""
    answer = await tools.call(call.target_mcp, tool, {"post_id": post_id})
    tool_log.append(answer.record)
    return str(answer.data.get("text", ""))[:_MENTION]


def texts(value: JsonValue | None) -> list[str]:
    """A list of texts out of free-form parameters."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
