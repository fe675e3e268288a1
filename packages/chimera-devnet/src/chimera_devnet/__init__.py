"""PostgreSQL, Redis, a chain and its signer as processes of ours: a laptop needs nothing but the Python package."""

from chimera_devnet.postgres import EmbeddedPostgres
from chimera_devnet.process import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedServer,
    ProgramNotFound,
    StartFailed,
    StateLock,
    StateLocked,
    WrongPassword,
)
from chimera_devnet.redis import EmbeddedRedis
from chimera_devnet.wallet_services import chain_of, signer_of

__all__ = [
    "AlreadyRunning",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedRedis",
    "EmbeddedServer",
    "ProgramNotFound",
    "StartFailed",
    "StateLock",
    "StateLocked",
    "WrongPassword",
    "chain_of",
    "signer_of",
]
