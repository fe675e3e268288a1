"""Whether the schema is the one that this program knows, and having it brought up to date when it is not."""

import asyncio
import os
import sys
from importlib import resources

import asyncpg

from chimera.database.postgres import UNREACHABLE, queries
from chimera.errors import Unavailable

SQL = queries("database/schema/version")
URL = "CHIMERA_MIGRATE_URL"
"""Where the program that migrates is told its database; never an argument, which everybody on a machine can read."""


async def bring_up_to_date(url: str) -> None:
    """Run what is missing. Unavailable when PostgreSQL cannot be reached, or a migration fails."""
    if await _is_current(url):
        return
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chimera.database.migrations"),
        env={**os.environ, URL: url},
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await program.communicate()
    if program.returncode != 0:
        told = said.decode(errors="replace").strip()
        raise Unavailable(told.splitlines()[-1] if told else "the schema could not be brought up to date")


async def _is_current(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=10)
    except UNREACHABLE as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error
    try:
        known: str | None = await connection.fetchval(SQL["known"])
    except asyncpg.UndefinedTableError:
        return False
    finally:
        await connection.close()
    return known == newest()


def newest() -> str:
    """The last revision that there is: the files of the revisions begin with their numbers."""
    versions = resources.files("chimera").joinpath("database/schema/versions")
    return max(entry.name.partition("_")[0] for entry in versions.iterdir() if entry.name.endswith(".sql"))
