"""The network's SQLite file, which several processes may share at once."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from chimera_devnet.social.rules import NetworkError, PostRefused

BUSY_SECONDS = 10
_FIRST = (
    """CREATE TABLE account (
        handle TEXT PRIMARY KEY COLLATE NOCASE, followers INTEGER NOT NULL, created_at TEXT NOT NULL)""",
    """CREATE TABLE receipt (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL COLLATE NOCASE, idempotency_key TEXT NOT NULL,
        fingerprint TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (account, idempotency_key))""",
    """CREATE TABLE post (
        id INTEGER PRIMARY KEY, author TEXT NOT NULL COLLATE NOCASE REFERENCES account, text TEXT NOT NULL,
        in_reply_to INTEGER REFERENCES post, ai_label INTEGER NOT NULL, views INTEGER NOT NULL,
        likes INTEGER NOT NULL, created_at TEXT NOT NULL)""",
    "CREATE INDEX post_author ON post (author, id)",
    "CREATE INDEX post_in_reply_to ON post (in_reply_to) WHERE in_reply_to IS NOT NULL",
    """CREATE TABLE mention (
        account TEXT NOT NULL COLLATE NOCASE, post_id INTEGER NOT NULL REFERENCES post,
        PRIMARY KEY (account, post_id)) WITHOUT ROWID""",
    """CREATE TABLE liked (
        account TEXT NOT NULL COLLATE NOCASE, post_id INTEGER NOT NULL REFERENCES post,
        PRIMARY KEY (account, post_id)) WITHOUT ROWID""",
    """CREATE TABLE promotion (
        id INTEGER PRIMARY KEY, account TEXT NOT NULL COLLATE NOCASE,
        post_id INTEGER NOT NULL REFERENCES post, amount TEXT NOT NULL, currency TEXT NOT NULL,
        created_at TEXT NOT NULL)""",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL)",
)
_MEDIA = ("ALTER TABLE post ADD COLUMN media TEXT NOT NULL DEFAULT '[]'",)
_STEPS = (_FIRST, _MEDIA)
"""What makes each version out of the one before it; an empty file is version 0."""

SCHEMA_VERSION = len(_STEPS)


class NetworkDatabase:
    """One connection to the file, shared by the threads of this process."""

    def __init__(self, path: Path) -> None:
        """Open the file, and bring its tables to this version.

        Raises:
            NetworkError: The file cannot be opened, or is of a version that is yet to come.
        """
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._db.row_factory = sqlite3.Row
            self._enter_wal_mode()
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be opened ({error})") from error
        self._bring_up_to_date()

    def _enter_wal_mode(self) -> None:
        # SQLite does not apply the busy time-out to this pragma, and several processes may start at once.
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _bring_up_to_date(self) -> None:
        with self.transaction() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if not 0 <= version <= SCHEMA_VERSION:
                raise NetworkError(PostRefused.UNAVAILABLE, f"the file has version {version}")
            if version < SCHEMA_VERSION:
                for statement in chain.from_iterable(_STEPS[version:]):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One IMMEDIATE transaction: all of the block is kept, or none of it.

        Raises:
            NetworkError: The file stayed busy for `BUSY_SECONDS`, or cannot be written.
        """
        try:
            with self._lock, self._db as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
        except sqlite3.OperationalError as error:
            raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be written ({error})") from error

    def read(self, query: str, *values: str | int) -> list[sqlite3.Row]:
        """The rows a query finds.

        Raises:
            NetworkError: The file cannot be read.
        """
        try:
            with self._lock:
                return self._db.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            raise NetworkError(PostRefused.UNAVAILABLE, f"the file cannot be read ({error})") from error
