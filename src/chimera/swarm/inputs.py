"""What the prompts of all roles have in common: how a persona is shown, where a seed comes from."""

import hashlib

from pydantic import JsonValue

from chimera.contracts.claims import Setting


def voice(setting: Setting) -> dict[str, JsonValue]:
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


def texts(value: JsonValue | None) -> list[str]:
    """A list of texts out of free-form parameters."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
