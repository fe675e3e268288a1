"""Everything that can be set from outside, as `CHIMERA_…` environment variables."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from chimera.values import Role
from chimera_protocol.money import AmountText

_SECRET = "wallet_passphrase"
"""What only the signer may be told."""


class Settings(BaseSettings):
    """Read once at start. Without any of them Chimera runs on embedded services and the composer."""

    model_config = SettingsConfigDict(env_prefix="CHIMERA_", extra="ignore")

    state: Path = Field(Path(".chimera"), description="Folder for embedded services, keys and logs.")
    database_url: str | None = Field(None, description="PostgreSQL 15 or newer; embedded when unset.")
    redis_url: str | None = Field(None, description="Redis 6.2 or newer, or Valkey; embedded when unset.")
    tenant: str = Field("default", description="The tenant that the CLI and the demo act for.")
    host: str = "127.0.0.1"
    port: int = Field(8420, ge=0, le=65_535)
    model: str = Field("composer", description="Model of every role: 'composer', 'PROVIDER:NAME' or 'local:NAME'.")
    model_planner: str | None = None
    model_worker: str | None = None
    model_judge: str | None = None
    model_fallback: str | None = Field(None, description="Takes over when a role's model fails.")
    model_base_url: str | None = Field(None, description="OpenAI-compatible server of 'local:NAME'.")
    mcp_config: Path | None = Field(None, description="YAML or JSON file of MCP servers; see docs/mcp.md.")
    feeds: Path | None = Field(None, description="Feeds of the bundled news-mcp.")
    wallets: bool = Field(True, description="Whether influencers pay out of wallets of their own.")
    chain_url: str | None = Field(None, description="JSON-RPC of the chain that wallets are on; embedded when unset.")
    chain_id: int | None = Field(None, ge=1)
    chain_tokens: dict[str, str] = Field(default_factory=dict, description='Token contracts: {"USDC": "0x…"}.')
    funding_addresses: list[str] = Field(
        default_factory=list, description="What comes from these is the owner's own money; from others, income."
    )
    seller_hosts: list[str] = Field(
        default_factory=list, description='Origins that resources may be bought from (x402): ["api.example.com"].'
    )
    signer_socket: Path | None = Field(None, description="Unix socket of the signer; started here when unset.")
    anchor_every_seconds: float | None = Field(
        None, ge=0.05, le=86_400, description="Pause between two anchors: 10 on the embedded chain, else 600."
    )
    anchor_confirmations: int | None = Field(
        None, ge=1, le=1_000, description="Blocks that make an anchor final: 1 on the embedded chain, else 12."
    )
    anchor_max_fee: AmountText = Field("0.002 ETH", description="Most that the chain may take for an anchor.")
    wallet_passphrase: SecretStr | None = Field(None, description="Opens the keystore; made up and kept when unset.")
    media_config: Path | None = Field(None, description="YAML or JSON file of generators; see docs/media.md.")
    media_folders: list[Path] = Field(
        default_factory=list, description="Where configured generators write their files."
    )
    s3_bucket: str | None = Field(None, description="Bucket for pictures and clips; a local folder when unset.")
    s3_prefix: str = ""
    s3_endpoint: str | None = Field(None, description="S3-compatible server, such as https://s3.example.com.")
    timestamp_url: str | None = Field(None, description="RFC 3161 time-stamp authority; our own when unset.")
    studio_voice: Path | None = Field(None, description="Voice file (Piper, .onnx) for clips; see docs/media.md.")
    social_seed: int = Field(1, description="Seed of the local network's audience.")
    undo_seconds: float = Field(5.0, ge=0, le=300, description="How long a reviewer's verdict can be taken back.")
    cool_down_seconds: float = Field(30.0, ge=0, le=86_400, description="A dead letter's rest before its first replay.")
    concurrency: int = Field(32, ge=1, le=1_024, description="Pieces of work in hand per role and process.")
    lease_seconds: float = Field(5.0, ge=0.5, le=300)
    queue_bound: int = Field(100_000, ge=1, description="Tickets that one queue holds at most.")
    log_level: str = "INFO"
    traces: Path | None = Field(None, description="File that OpenTelemetry spans are written to, as JSON lines.")

    def model_names(self) -> Mapping[Role, list[str]]:
        """The models of each role, the fallback last."""
        own = {Role.PLANNER: self.model_planner, Role.WORKER: self.model_worker, Role.JUDGE: self.model_judge}
        fallback = [self.model_fallback] if self.model_fallback else []
        return {role: [name or self.model, *fallback] for role, name in own.items()}

    def environment(self) -> dict[str, str]:
        """These settings as environment variables, for the processes that a supervisor starts."""
        known = self.model_dump(mode="json", exclude={_SECRET})
        given = {name: value for name, value in known.items() if value is not None}
        told = {
            f"CHIMERA_{name.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
            for name, value in given.items()
        }
        inherited = {name: value for name, value in os.environ.items() if name != f"CHIMERA_{_SECRET.upper()}"}
        return {**inherited, **told}
