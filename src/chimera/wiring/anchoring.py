"""Which process anchors, on which chain and by which terms; and when anchors are late (PRV-2)."""

import asyncio
from collections.abc import Collection

import structlog

from chimera.audit.service.log import LogService
from chimera.gateways.mcp.host import ToolHost
from chimera.money.ports import Cfo
from chimera.roles.anchorer import Anchorer, AnchorTerms
from chimera.roles.consumer import run_anchorer
from chimera.settings import Settings
from chimera.values import Role
from chimera_protocol.payments import WALLET

log = structlog.get_logger()

EVERY_SECONDS = 600.0
"""Between two looks at what is to be anchored, on a chain that costs real money."""

CONFIRMATIONS = 12
BLOCK_SECONDS = 60.0
"""The longest that a block of an ordinary chain takes."""

LATE = 3
"""How many times what an anchor takes may pass before somebody should know."""


async def keep_on_chain(
    roles: Collection[Role],
    settings: Settings,
    host: ToolHost,
    transparency: LogService,
    cfo: Cfo,
    stopping: asyncio.Event,
) -> None:
    """Anchor the transparency log until `stopping`. Publishers do it, whose wallet server is open anyway."""
    if Role.PUBLISHER not in roles:
        return
    terms = terms_of(settings, host)
    if terms is None:
        await log.ainfo("no chain is configured: nothing is anchored, and on_chain_verification stays false")
        return
    await run_anchorer(Anchorer(transparency, cfo, host, terms), every_seconds(settings), stopping)


async def late_anchors(settings: Settings, host: ToolHost, transparency: LogService) -> list[str]:
    """What is wrong with the anchors; nothing where there are none to be made."""
    terms = terms_of(settings, host)
    waited = await transparency.unanchored_seconds() if terms is not None else None
    if terms is None or waited is None:
        return []
    patience = LATE * (every_seconds(settings) + BLOCK_SECONDS * terms.confirmations)
    said = f"what was sealed {waited:.0f} s ago is on no chain yet: see the publisher's log, its account may need gas"
    return [said] if waited > patience else []


def terms_of(settings: Settings, host: ToolHost) -> AnchorTerms | None:
    """How anchors are made; None without a chain, or with a wallet server that cannot."""
    if settings.chain_id is None or not host.knows(WALLET, "anchor"):
        return None
    confirmations = settings.anchor_confirmations or CONFIRMATIONS
    return AnchorTerms(chain_id=settings.chain_id, max_fee=settings.anchor_max_fee, confirmations=confirmations)


def every_seconds(settings: Settings) -> float:
    """The pause between two looks."""
    return settings.anchor_every_seconds or EVERY_SECONDS
