"""What tests of the transparency log share: a key, an audit of what the database holds, and a superuser's hands."""

import base64
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.audit.service.log import LogService
from chimera.audit.types import AuditReport
from chimera.provenance.rules.export import verify_export


class LogKey:
    """Implements `NoteSigner` with a key in memory."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        raw = self._key.public_key().public_bytes_raw()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def sign_raw(self, payload: bytes) -> bytes:
        return self._key.sign(payload)


async def exported(store: LogService, tenant_id: UUID) -> list[str]:
    return [line async for line in store.export(tenant_id)]


async def audit(store: LogService, tenant_id: UUID, *keys: str) -> AuditReport:
    """An export, recomputed."""
    return verify_export(await exported(store, tenant_id), keys)


async def tamper(connection: Any, *statements: str) -> None:
    """Change history as a superuser with all triggers and foreign keys off."""
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            done = await connection.execute(statement)
            assert not done.endswith(" 0"), f"{statement}: {done}"


async def traded(house: Any) -> UUID:
    """A house with a row in every table that is sealed: a promotion that went all the way, and money that moved."""
    made = await house.running(house.node("pay", spend="50 USDC"), house.node("post"))
    effect = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.system.effects.finish(effect, house.receipt())
    await house.approved(made["post"], "Stars are far away.")
    await house.authorise("5 USDC", "more")
    return house.tenant_id
