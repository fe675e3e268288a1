"""The MCP servers: bundled ones without any configuration, and a file that goes over them."""

import json
import sys
from pathlib import Path

import pytest
import yaml

from chimera.settings import Settings
from chimera.wiring import tool_servers
from chimera.wiring.tools import generators
from chimera_protocol.errors import Invalid
from chimera_protocol.payments import WALLET


def test_the_bundled_servers_are_there_without_any_configuration(tmp_path: Path) -> None:
    found = tool_servers(Settings(state=tmp_path / "state", feeds=tmp_path / "feeds.yaml"))
    assert set(found) == {"twitter-mcp", "news-mcp", "studio-mcp"}
    assert found["twitter-mcp"].command == sys.executable
    assert str(tmp_path / "state" / "social.db") in found["twitter-mcp"].args
    assert not set(found["twitter-mcp"].reads) & set(found["twitter-mcp"].acts)


def test_a_configured_server_takes_the_place_of_the_bundled_one(tmp_path: Path) -> None:
    given = {"mcpServers": {"twitter-mcp": {"url": "http://x.test/mcp", "acts": ["post"]}, "more": {"command": "m"}}}
    for name, text in (("servers.yaml", yaml.safe_dump(given)), ("servers.json", json.dumps(given))):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        found = tool_servers(Settings(state=tmp_path, mcp_config=path, feeds=tmp_path / "f"))
        assert found["twitter-mcp"].url == "http://x.test/mcp"
        assert set(found) == {"twitter-mcp", "news-mcp", "studio-mcp", "more"}


def test_a_fallback_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "servers.yaml"
    path.write_text(yaml.safe_dump({"mcpServers": {"one": {"command": "x", "fallback": "nowhere"}}}), "utf-8")
    with pytest.raises(Invalid, match="one falls back on nowhere"):
        tool_servers(Settings(state=tmp_path, mcp_config=path))


def test_a_configured_generator_takes_the_place_of_the_studio(tmp_path: Path) -> None:
    path = tmp_path / "media.yaml"
    path.write_text(yaml.safe_dump({"clip": {"server": "mine", "tool": "make", "arguments": {"prompt": "$text"}}}))
    found = generators(Settings(state=tmp_path, media_config=path))
    assert (found["clip"].server, found["clip"].likeness) == ("mine", None)
    assert found["image"].server == "studio-mcp"
    path.write_text("clip: [1]")
    with pytest.raises(Invalid, match="does not fit"):
        generators(Settings(state=tmp_path, media_config=path))
    with pytest.raises(Invalid, match="cannot be read"):
        generators(Settings(state=tmp_path, media_config=tmp_path / "nowhere.yaml"))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "mcpServers: [unclosed",
        "servers: {}",
        "mcpServers: {x: {}}",
        "mcpServers: {x: {command: a, url: b}}",
        "mcpServers: {x: {command: a, surprise: 1}}",
        "mcpServers: nothing",
        "- a",
        "",
        "plain text",
    ],
)
def test_a_configuration_that_cannot_be_is_refused_and_its_file_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "servers.yaml"
    if text is not None:
        path.write_text(text, "utf-8")
    with pytest.raises(Invalid, match=r"servers\.yaml"):
        tool_servers(Settings(state=tmp_path, mcp_config=path))


def test_a_wallet_server_needs_a_chain_and_a_signer_and_is_told_where_they_are(tmp_path: Path) -> None:
    tokens = {"USDC": "0xB", "EURC": "0xA"}
    chain = Settings(state=tmp_path, feeds=tmp_path / "f", chain_url="http://127.0.0.1:1", chain_tokens=tokens)
    assert WALLET not in tool_servers(chain)
    both = chain.model_copy(update={"signer_socket": tmp_path / "s", "seller_hosts": ["api.example.com"]})
    server = tool_servers(both)[WALLET]
    assert " ".join(server.args).endswith(
        f"--rpc http://127.0.0.1:1 --signer-socket {tmp_path / 's'} --token=EURC=0xA --token=USDC=0xB"
        " --seller-host=api.example.com"
    )
    assert not set(server.reads) & set(server.acts)
    assert set(server.acts) == {"transfer", "deploy_token", "pay_resource", "anchor", "fund"}
