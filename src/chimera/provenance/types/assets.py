"""The seed's ASSET, GENERATION_LOG and PROVENANCE as one record."""

from uuid import UUID

from pydantic import JsonValue

from chimera.media.types import MediaItem
from chimera_protocol.wire import Wire


class AssetRecord(Wire):
    """The seed's ASSET, GENERATION_LOG and PROVENANCE of one approved piece."""

    asset_id: UUID
    model_version: str
    seed_values: list[str]
    generation_duration_ms: int
    encoding_format: str
    storage_uri: str
    parts: list[str]
    sketch: list[int]
    media: list[MediaItem] = []
    frame_rate: str | None = None
    resolution: str | None = None
    log_id: UUID
    planner_intent: str
    worker_output_prompt: str
    mcp_tool_parameters: dict[str, JsonValue]
    judge_validation_score: float
    creative_regression_notes: str
    provenance_id: UUID
    content_hash: str
    cryptographic_signature: str
    statement: dict[str, JsonValue]
