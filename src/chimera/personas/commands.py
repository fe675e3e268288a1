"""`chimera persona`: SOUL.md files, and the influencers that they make."""

from pydantic import JsonValue

from chimera.cli.rooms import FIELDS, File, Room, table

personas = Room("SOUL.md files.")


@personas.asks("import", "POST /v1/personas", FIELDS)
def import_persona(file: File) -> JsonValue:
    """Make an influencer from a SOUL.md, or give it a new version."""
    return {"source": file.read_text("utf-8")}


@personas.asks("list", "GET /v1/influencers", table("persona", "account", "state", "doing", "published", "soul_hash"))
def list_personas() -> None:
    """The influencers and what they are doing."""
