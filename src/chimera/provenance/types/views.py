"""What the API tells about pieces and where they come from."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from chimera.media.types import MediaItem
from chimera_protocol.wire import Wire


class AssetView(Wire):
    """An asset with the seed's columns and its provenance."""

    asset_id: UUID
    campaign_id: UUID
    agent_id: UUID
    persona: str
    task_id: UUID
    parts: list[str]
    media: list[MediaItem] = []
    model_version: str
    seed_values: list[str]
    generation_duration_ms: int
    frame_rate: str | None
    resolution: str | None
    encoding_format: str
    storage_uri: str
    soul_hash: str
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]
    on_chain_verification: bool
    published_at: datetime | None
    url: str | None
    created_at: datetime


class GenerationLogView(Wire):
    """The seed's GENERATION_LOG."""

    log_id: UUID
    planner_intent: str
    worker_output_prompt: str
    mcp_tool_parameters: dict[str, JsonValue]
    judge_validation_score: float
    creative_regression_notes: str


class Verification(Wire):
    """Whether a piece is what was approved and signed, and with what a stranger can check it."""

    asset_id: UUID
    url: str | None
    holds: bool
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]
    public_key: str = Field(description="Ed25519, base64url: `x` of RFC 8037.")


class PublicationView(Wire):
    """Something that is out there."""

    publication_id: UUID
    asset_id: UUID
    agent_id: UUID
    persona: str
    server: str
    kind: str
    external_ids: list[str]
    url: str
    disclosure: str
    parts: list[str]
    published_at: datetime
