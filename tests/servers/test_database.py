"""The network's file: opening it, and what happens when it is not one."""

import sqlite3
from pathlib import Path

import pytest

from chimera.servers.social.database import Database
from chimera.servers.social.rules import NetworkError


def test_the_file_is_in_wal_mode_and_carries_its_version(tmp_path: Path) -> None:
    database = Database(tmp_path / "social.db")
    assert database.read("PRAGMA journal_mode")[0][0] == "wal"
    assert database.read("PRAGMA user_version")[0][0] == 1
    database.close()


@pytest.mark.parametrize("name", ["missing/social.db", "."])
def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(NetworkError, match="cannot be opened"):
        Database(tmp_path / name)


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, only a text that is long enough to be looked at " * 20)
    with pytest.raises(NetworkError, match="cannot be opened"):
        Database(tmp_path / "notes.txt")


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "social.db")
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(NetworkError, match="has version 9"):
        Database(tmp_path / "social.db")


def test_a_failed_transaction_keeps_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "social.db")
    with pytest.raises(NetworkError, match="cannot be written"), database.transaction() as db:
        db.execute("INSERT INTO counter VALUES ('x', 1)")
        db.execute("INSERT INTO nowhere VALUES (1)")
    assert database.read("SELECT * FROM counter") == []
    with pytest.raises(NetworkError, match="cannot be read"):
        database.read("SELECT * FROM nowhere")
    database.close()
