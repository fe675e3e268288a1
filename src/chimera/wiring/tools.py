"""The MCP servers that agents reach the world through."""

import sys
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from chimera.gateways.mcp.types import Platform, ReadBack, ToolServer
from chimera.media.types import Generator
from chimera.personas.rules import explain
from chimera.settings import Settings
from chimera_protocol.errors import Invalid
from chimera_protocol.payments import WALLET

SERVERS: TypeAdapter[dict[str, ToolServer]] = TypeAdapter(dict[str, ToolServer])
GENERATORS: TypeAdapter[dict[str, Generator]] = TypeAdapter(dict[str, Generator])

STUDIO_SERVER = "studio-mcp"
STUDIO = "studio"
"""The folder of the state that the bundled studio writes into."""

OUTBOX = "outbox"
"""The folder of the state that platforms take files from."""

_STUDIO_MAKES = {
    "image": Generator(
        server=STUDIO_SERVER,
        tool="generate_image",
        arguments={
            "kind": "$kind",
            "title": "$title",
            "text": "$text",
            "footer": "$handle",
            "seed": "$seed",
            "character_reference_id": "$character",
            "tier": "$tier",
        },
        character="draw_character",
        likeness="compare_likeness",
    ),
    "clip": Generator(
        server=STUDIO_SERVER,
        tool="generate_video",
        arguments={
            "title": "$title",
            "text": "$text",
            "kicker": "$handle",
            "seed": "$seed",
            "character_reference_id": "$character",
        },
        hero={
            "title": "$title",
            "scenes": "$scenes",
            "kicker": "$handle",
            "seed": "$seed",
            "character_reference_id": "$character",
            "tier": "hero",
        },
        character="draw_character",
        likeness="compare_likeness",
    ),
}
_WALLET_READS = (
    "get_address",
    "get_balance",
    "quote_fee",
    "find_payment",
    "list_movements",
    "quote_resource",
    "last_order",
    "read_anchor",
)
_EXAMPLES = Path("examples/feeds/feeds.yaml")


def tool_servers(settings: Settings) -> dict[str, ToolServer]:
    """The MCP servers: those of the configuration file over the bundled ones."""
    found = _bundled(settings)
    if settings.mcp_config is not None:
        try:
            given = yaml.safe_load(settings.mcp_config.read_text("utf-8"))
            found |= SERVERS.validate_python(given["mcpServers"] if isinstance(given, dict) else given)
        except (OSError, yaml.YAMLError, KeyError) as error:
            raise Invalid(f"{settings.mcp_config} cannot be read: {error}") from error
        except ValidationError as error:
            raise Invalid(f"{settings.mcp_config} does not fit: {explain(error)}") from error
    for name, server in found.items():
        if server.fallback is not None and server.fallback not in found:
            raise Invalid(f"{name} falls back on {server.fallback}, which is not configured")
    return found


def generators(settings: Settings) -> dict[str, Generator]:
    """What makes pictures and clips: the configured generators over those of the bundled studio."""
    found = dict(_STUDIO_MAKES)
    if settings.media_config is not None:
        try:
            found |= GENERATORS.validate_python(yaml.safe_load(settings.media_config.read_text("utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise Invalid(f"{settings.media_config} cannot be read: {error}") from error
        except ValidationError as error:
            raise Invalid(f"{settings.media_config} does not fit: {explain(error)}") from error
    return found


def _bundled(settings: Settings) -> dict[str, ToolServer]:
    settings.state.mkdir(parents=True, exist_ok=True)
    social = [
        "-m",
        "chimera_devnet.social",
        "--db",
        str(settings.state / "social.db"),
        "--seed",
        str(settings.social_seed),
        "--media-from",
        str(settings.state / OUTBOX),
    ]
    servers = {
        "twitter-mcp": ToolServer(
            command=sys.executable,
            args=social,
            reads=["find_by_idempotency_key", "read_post", "read_timeline", "list_posts"],
            acts=["create_thread", "post_tweet", "reply_tweet", "like_tweet", "promote_tweet"],
            platform=Platform(
                max_length=280,
                ai_label="ai_label",
                read_back=ReadBack(tool="find_by_idempotency_key"),
                read_post="read_post",
                thread_part="reply_tweet",
            ),
        )
    }
    voice = {"CHIMERA_STUDIO_VOICE": str(settings.studio_voice)} if settings.studio_voice else {}
    servers[STUDIO_SERVER] = ToolServer(
        command=sys.executable,
        args=["-m", "chimera_studio", "--out", str(settings.state / STUDIO)],
        env=voice,
        reads=["generate_image", "generate_video", "generate_voice", "draw_character", "compare_likeness"],
        timeout_seconds=180,
    )
    if settings.chain_url is not None and settings.signer_socket is not None:
        tokens = [f"--token={symbol}={address}" for symbol, address in sorted(settings.chain_tokens.items())]
        places = ["--rpc", settings.chain_url, "--signer-socket", str(settings.signer_socket)]
        sellers = [f"--seller-host={host}" for host in settings.seller_hosts]
        servers[WALLET] = ToolServer(
            command=sys.executable,
            args=["-m", "chimera_wallet", *places, *tokens, *sellers],
            reads=[*_WALLET_READS],
            acts=["transfer", "deploy_token", "pay_resource", "anchor", "fund"],
            timeout_seconds=120,
        )
    feeds = settings.feeds or (_EXAMPLES if _EXAMPLES.exists() else None)
    if feeds is not None:
        servers["news-mcp"] = ToolServer(
            command=sys.executable,
            args=["-m", "chimera_connectors.news", "--feeds", str(feeds)],
            reads=["list_items", "search_items", "read_item"],
        )
    return servers
