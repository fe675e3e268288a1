"""Everything that can be set from outside, as `CHIMERA_…` environment variables."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from chimera.contracts.values import Role

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
    wallet_passphrase: SecretStr | None = Field(None, description="Opens the keystore; made up and kept when unset.")
    social_seed: int = Field(1, description="Seed of the local network's audience.")
    undo_seconds: float = Field(5.0, ge=0, le=300, description="How long a reviewer's verdict can be taken back.")
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
        given = {name: value for name, value in self.model_dump().items() if value is not None and name != _SECRET}
        told = {
            f"CHIMERA_{name.upper()}": json.dumps(value) if isinstance(value, dict | list) else str(value)
            for name, value in given.items()
        }
        inherited = {name: value for name, value in os.environ.items() if name != f"CHIMERA_{_SECRET.upper()}"}
        return {**inherited, **told}
