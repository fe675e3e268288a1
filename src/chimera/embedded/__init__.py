"""PostgreSQL, Redis, a chain and its signer as processes of ours: a laptop needs nothing but the Python package."""

from chimera.embedded.postgres import EmbeddedPostgres
from chimera.embedded.process import (
    AlreadyRunning,
    EmbeddedError,
    EmbeddedServer,
    ProgramNotFound,
    StartFailed,
    StateLock,
    StateLocked,
    WrongPassword,
)
from chimera.embedded.redis import EmbeddedRedis
from chimera.embedded.wallets import chain_of, signer_of

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
