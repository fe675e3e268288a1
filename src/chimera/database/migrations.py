"""Bringing the schema up to date: Alembic revisions that run plain .sql files, one process at a time.

A program of its own (`python -m chimera.database.migrations`), so that nobody else loads Alembic and SQLAlchemy.
"""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chimera.database.postgres import SESSION, UNREACHABLE
from chimera.database.schema_version import URL
from chimera.errors import Unavailable

_LOCK = 4_867_202_611
"""Key of the advisory lock: migrations of one database never run twice at once."""

_SCHEMA = Path(__file__).parent / "schema"


def run_script(revision_file: str) -> None:
    """Run the .sql file beside a revision, inside the migration's transaction."""
    script = Path(revision_file).with_suffix(".sql").read_text("utf-8")
    raw = op.get_bind().connection
    raw.run_async(lambda driver: driver.execute(script))  # many statements: only the simple protocol takes them


async def migrate(url: str) -> str:
    """Run what is missing; the schema version afterwards. Unavailable when PostgreSQL cannot be reached."""
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=partial(asyncpg.connect, url, timeout=10), poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_upgrade)
    except UNREACHABLE as error:
        raise Unavailable(f"PostgreSQL cannot be reached: {error}") from error
    except (SQLAlchemyError, asyncpg.PostgresError) as error:
        raise Unavailable(f"the schema could not be brought up to date: {error}") from error
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(_SCHEMA))
    config.attributes["connection"] = connection
    connection.exec_driver_sql(SESSION["lock_schema"], (_LOCK,))
    head = ScriptDirectory.from_config(config).get_current_head() or ""
    context = MigrationContext.configure(connection, opts={"version_table": "schema_version"})
    if context.get_current_revision() != head:
        command.upgrade(config, "head")
    return head


def main() -> int:
    """Bring the database that the environment names up to date; 1 with one line on stderr when that cannot be."""
    try:
        asyncio.run(migrate(os.environ[URL]))
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
