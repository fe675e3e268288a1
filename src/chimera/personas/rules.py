"""SOUL.md: reading it, and the canonical form whose SHA-256 is its version (SOUL-1)."""

import unicodedata

import rfc8785
import yaml
from pydantic import JsonValue, ValidationError

from chimera.personas.types.persona import Persona, Soul
from chimera_protocol.errors import Invalid
from chimera_protocol.statements import canonical_hash

MAX_BYTES = 256 * 1024
_FENCE = "---"
_REMEDY = "Start the file with '---', YAML front matter (id, name, account, voice_traits, directives), '---', Markdown."


def parse(source: str) -> Persona:
    """Read a SOUL.md. Invalid says what is missing; nothing is guessed."""
    if len(source.encode()) > MAX_BYTES:
        raise Invalid(f"a SOUL.md has at most {MAX_BYTES} bytes", remedy="Shorten the backstory.")
    lines = source.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        raise Invalid("this SOUL.md has no front matter", remedy=_REMEDY)
    ends = [number for number, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE]
    if not ends:
        raise Invalid("the front matter of this SOUL.md is never closed", remedy=_REMEDY)
    text = "\n".join(lines[1 : ends[0]])
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
            raise Invalid("front matter may not refer to itself: no YAML aliases", remedy="Write the values out.")
        front = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, a number without end
        raise Invalid(f"the front matter is not YAML: {str(error)[:300]}", remedy=_REMEDY) from error
    if not isinstance(front, dict):
        raise Invalid("the front matter is not a mapping", remedy=_REMEDY)
    try:
        soul = Soul.model_validate(front)
    except ValidationError as error:
        raise Invalid(f"the front matter does not fit: {explain(error)}", remedy=_REMEDY) from error
    body = "\n".join(line.rstrip() for line in lines[ends[0] + 1 :]).strip()
    try:
        return Persona(soul=soul, body=body, soul_hash=soul_hash(soul, body))
    except rfc8785.CanonicalizationError as error:
        raise Invalid(f"the front matter has a figure without a canonical form: {error}", remedy=_REMEDY) from error


def soul_hash(soul: Soul, body: str) -> str:
    """SHA-256 over the RFC 8785 form of front matter and body: layout, key order and line ends do not count."""
    front: dict[str, JsonValue] = soul.model_dump(mode="json", exclude_unset=True)
    return canonical_hash({"soul": front, "body": unicodedata.normalize("NFC", body)})


def explain(error: ValidationError) -> str:
    """A validation error in one line: where and what, for people."""
    found = [f"{'.'.join(str(part) for part in row['loc']) or 'body'}: {row['msg']}" for row in error.errors()]
    return "; ".join(found[:8])
