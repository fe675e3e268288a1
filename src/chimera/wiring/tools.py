"""The MCP servers that agents reach the world through."""

import sys
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from chimera.contracts.errors import Invalid
from chimera.contracts.payments import WALLET
from chimera.domain.persona import explain
from chimera.gateways.tools import ToolServer
from chimera.settings import Settings

SERVERS: TypeAdapter[dict[str, ToolServer]] = TypeAdapter(dict[str, ToolServer])
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
    return found


def _bundled(settings: Settings) -> dict[str, ToolServer]:
    settings.state.mkdir(parents=True, exist_ok=True)
    social = [
        "-m",
        "chimera.servers.social",
        "--db",
        str(settings.state / "social.db"),
        "--seed",
        str(settings.social_seed),
    ]
    servers = {
        "twitter-mcp": ToolServer(
            command=sys.executable,
            args=social,
            reads=["find_by_idempotency_key", "read_post", "read_timeline", "list_posts"],
            acts=["create_thread", "post_tweet", "reply_tweet", "like_tweet", "promote_tweet"],
        )
    }
    if settings.chain_url is not None and settings.signer_socket is not None:
        tokens = [f"--token={symbol}={address}" for symbol, address in sorted(settings.chain_tokens.items())]
        places = ["--rpc", settings.chain_url, "--signer-socket", str(settings.signer_socket)]
        sellers = [f"--seller-host={host}" for host in settings.seller_hosts]
        servers[WALLET] = ToolServer(
            command=sys.executable,
            args=["-m", "chimera.servers.wallet", *places, *tokens, *sellers],
            reads=["get_address", "get_balance", "quote_fee", "find_payment", "list_movements", "quote_resource"],
            acts=["transfer", "deploy_token", "pay_resource", "fund"],
            timeout_seconds=120,
        )
    feeds = settings.feeds or (_EXAMPLES if _EXAMPLES.exists() else None)
    if feeds is not None:
        servers["news-mcp"] = ToolServer(
            command=sys.executable,
            args=["-m", "chimera.servers.news", "--feeds", str(feeds)],
            reads=["list_items", "search_items", "read_item"],
        )
    return servers
