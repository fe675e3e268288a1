"""What runs beside Chimera on a laptop: started when it is not configured, ended with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from chimera.database.schema_version import bring_up_to_date
from chimera.gateways.signing_keys import KeyFile
from chimera.settings import Settings
from chimera_protocol.errors import Invalid

if TYPE_CHECKING:
    from chimera_devnet import EmbeddedPostgres, EmbeddedRedis

_OWN_ANCHOR_SECONDS = 10.0
"""A chain of one's own costs nothing, and forgets no block."""

_MINT = "0x" + "0" * 40
"""Where a token says new money comes from."""


@asynccontextmanager
async def services(settings: Settings) -> AsyncIterator[Settings]:
    """Start what is embedded and bring the schema up to date; the settings with the addresses filled in."""
    postgres, redis = _embedded(settings)
    async with AsyncExitStack() as wallets:
        try:
            database_url, redis_url, held = await asyncio.gather(
                _address(settings.database_url, postgres),
                _address(settings.redis_url, redis),
                wallets.enter_async_context(_wallets(settings)),
            )
            await bring_up_to_date(database_url)
            yield settings.model_copy(update={"database_url": database_url, "redis_url": redis_url, **held})
        finally:
            await asyncio.gather(*(server.stop() for server in (redis, postgres) if server is not None))


def _embedded(settings: Settings) -> "tuple[EmbeddedPostgres | None, EmbeddedRedis | None]":
    """What is not configured; where all of it is, the package that brings it need not be there."""
    if settings.database_url and settings.redis_url:
        return None, None
    from chimera_devnet import EmbeddedPostgres, EmbeddedRedis

    postgres = None if settings.database_url else EmbeddedPostgres(settings.state / "postgres")
    redis = None if settings.redis_url else EmbeddedRedis(settings.state / "redis")
    return postgres, redis


@asynccontextmanager
async def _wallets(settings: Settings) -> AsyncIterator[dict[str, object]]:
    """The chain that wallets are on, unless one is configured, and the process that holds their keys."""
    if not settings.wallets:
        yield {}
        return
    async with AsyncExitStack() as stack:
        chain: dict[str, object] = {}
        url, chain_id, tokens = settings.chain_url, settings.chain_id, settings.chain_tokens
        if url is None:
            from chimera_devnet import chain_of

            url, chain_id, tokens, faucet = await stack.enter_async_context(chain_of(settings.state))
            chain = {
                "chain_url": url,
                "chain_id": chain_id,
                "chain_tokens": tokens,
                "funding_addresses": [faucet, _MINT],
                "anchor_every_seconds": settings.anchor_every_seconds or _OWN_ANCHOR_SECONDS,
                "anchor_confirmations": settings.anchor_confirmations or 1,
            }
        elif chain_id is None:
            raise Invalid("CHIMERA_CHAIN_URL needs CHIMERA_CHAIN_ID", remedy="Set the id of that chain.")
        if settings.signer_socket is None and chain_id is not None:
            from chimera_devnet import signer_of

            given = settings.wallet_passphrase
            chain["signer_socket"] = await stack.enter_async_context(
                signer_of(
                    settings.state,
                    cfo_key=KeyFile(settings.state / "keys" / "cfo.pem").public_key,
                    chain_id=chain_id,
                    tokens=tokens,
                    passphrase=given.get_secret_value() if given is not None else None,
                )
            )
        yield chain


async def _address(url: str | None, embedded: "EmbeddedPostgres | EmbeddedRedis | None") -> str:
    return await embedded.start() if embedded is not None else (url or "")
