"""Prompt templates: one Markdown file each, its version in the front matter, its input as JSON behind it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

import yaml
from pydantic import JsonValue

from chimera.gateways.models.types import RenderedPrompt
from chimera_protocol.errors import Invalid

INPUT = "\n\n## Input\n\n```json\n"
"""What stands between the instructions and the JSON input of every prompt."""


TEMPLATES = frozenset({"plan", "write", "judge", "revise"})


@cache
def _template(name: str) -> tuple[int, str]:
    if name not in TEMPLATES:
        raise Invalid(f"there is no prompt template {name!r}", remedy=f"Templates: {', '.join(sorted(TEMPLATES))}.")
    source = resources.files(__package__).joinpath(f"{name}.md").read_text("utf-8")
    _, front, body = source.split("---\n", 2)
    return int(yaml.safe_load(front)["version"]), body.strip()


def version(name: str) -> int:
    """The version of a template. Invalid for an unknown one."""
    return _template(name)[0]


def render(name: str, inputs: Mapping[str, JsonValue]) -> RenderedPrompt:
    """The prompt as the model gets it; its SHA-256 names it in logs and provenance (ORC-5)."""
    version, body = _template(name)
    text = f"{body}{INPUT}{json.dumps(inputs, ensure_ascii=False, sort_keys=True, indent=1)}\n```"
    return RenderedPrompt(name=name, version=version, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


def facts_of(rendered: RenderedPrompt) -> list[JsonValue]:
    """The facts that a rendered prompt put before the model; none when it is a prompt of somebody else's."""
    _, _, block = rendered.text.rpartition(INPUT)
    try:
        inputs: JsonValue = json.loads(block.removesuffix("\n```"))
    except ValueError:
        return []
    found = inputs.get("facts") if isinstance(inputs, dict) else None
    return found if isinstance(found, list) else []
