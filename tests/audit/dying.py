"""A sealer that kills itself with -9 inside its n-th transaction, when all is written and nothing is committed.

Arguments: the database's address, and n.
"""

import asyncio
import base64
import os
import signal
import sys
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.audit.service import sealing
from chimera.database.postgres import Access, Database

if TYPE_CHECKING:
    from chimera.database.postgres import Connection


class _Key:
    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        raw = self._key.public_key().public_bytes_raw()
        self.public_key = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def sign_raw(self, payload: bytes) -> bytes:
        return self._key.sign(payload)


async def main(url: str, turns: int) -> None:
    """Seal until death."""
    write = sealing._write
    done = 0

    async def write_and_die(connection: "Connection", growth: sealing.Growth, public_key: str) -> None:
        nonlocal done
        await write(connection, growth, public_key)
        done += 1
        if done == turns:
            os.kill(os.getpid(), signal.SIGKILL)

    sealing._write = write_and_die
    swarm = Database(url, Access.SWARM)
    await swarm.open()
    await sealing.Sealer(swarm, _Key(), batch=16).seal()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
