"""PostgreSQL and Redis as processes of ours, so that a laptop needs nothing but the Python package."""

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
]
