"""Who anchors and by which terms; and that nothing is red where there is no chain (PRV-2, OPS-3)."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.audit.logs import LogKey

from chimera.fleet.service import HealthService
from chimera.gateways.mcp.host import ToolHost
from chimera.settings import Settings
from chimera.values import Role
from chimera.wiring import System, anchoring, tool_servers
from chimera.wiring.api import offered


def with_chain(settings: Settings) -> Settings:
    """On a chain that nobody answers for."""
    return settings.model_copy(
        update={"chain_url": "http://127.0.0.1:1", "chain_id": 5, "signer_socket": settings.state / "sock"}
    )


def test_a_real_chain_is_asked_less_often_and_more_deeply(settings: Settings) -> None:
    chain = with_chain(settings)
    terms = anchoring.terms_of(chain, ToolHost(tool_servers(chain)))
    assert terms is not None
    assert (terms.chain_id, terms.max_fee, terms.confirmations) == (5, "0.002 ETH", 12)
    assert anchoring.every_seconds(chain) == 600
    own = chain.model_copy(update={"anchor_confirmations": 3, "anchor_every_seconds": 60.0})
    terms = anchoring.terms_of(own, ToolHost(tool_servers(own)))
    assert (terms and terms.confirmations, anchoring.every_seconds(own)) == (3, 60)


def test_a_wallet_server_that_cannot_anchor_is_not_asked_to(settings: Settings, tmp_path: Path) -> None:
    given = tmp_path / "servers.yaml"
    given.write_text("mcpServers: {wallet-mcp: {command: other, reads: [get_balance], acts: [transfer]}}", "utf-8")
    chain = with_chain(settings).model_copy(update={"mcp_config": given})
    assert anchoring.terms_of(chain, ToolHost(tool_servers(chain))) is None


async def test_without_a_chain_nothing_is_anchored_nothing_is_red_and_it_is_said(system: System) -> None:
    await system.accounts.open_tenant("acme")
    await system.transparency.seal(LogKey())
    parts = (system.host, system.transparency, system.cfo, asyncio.Event())
    with capture_logs() as said:
        await asyncio.wait_for(anchoring.keep_on_chain([Role.PUBLISHER], system.settings, *parts), 5)
    assert [each["event"] for each in said] == [
        "no chain is configured: nothing is anchored, and on_chain_verification stays false"
    ]
    assert await anchoring.late_anchors(system.settings, system.host, system.transparency) == []
    assert not any("chain" in problem for problem in (await offered(system).get(HealthService).health()).problems)
    assert await system.transparency.due_anchor() is not None


async def test_only_publishers_anchor(system: System) -> None:
    others = [role for role in Role if role is not Role.PUBLISHER]
    chain = with_chain(system.settings)
    parts = (ToolHost(tool_servers(chain)), system.transparency, system.cfo, asyncio.Event())
    await asyncio.wait_for(anchoring.keep_on_chain(others, chain, *parts), 5)


async def test_health_says_when_what_was_sealed_is_on_no_chain_for_too_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = System(with_chain(settings))
    await system.open()
    try:
        await system.accounts.open_tenant("acme")
        health = offered(system).get(HealthService)
        assert not any("on no chain" in problem for problem in (await health.health()).problems)
        await system.transparency.seal(LogKey())
        assert not any("on no chain" in problem for problem in (await health.health()).problems)
        monkeypatch.setattr(anchoring, "LATE", 0)
        assert any("on no chain" in problem for problem in (await health.health()).problems)
    finally:
        await system.close()
