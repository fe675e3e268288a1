"""The network's file: opening it, and what happens when it is not one."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chimera_devnet.social.database import NetworkDatabase
from chimera_devnet.social.network import Network
from chimera_devnet.social.rules import NetworkError


def test_the_file_is_in_wal_mode_and_carries_its_version(tmp_path: Path) -> None:
    database = NetworkDatabase(tmp_path / "social.db")
    assert database.read("PRAGMA journal_mode")[0][0] == "wal"
    assert database.read("PRAGMA user_version")[0][0] == 2
    database.close()


@pytest.mark.parametrize("name", ["missing/social.db", "."])
def test_a_file_that_cannot_be_opened_is_a_clear_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(NetworkError, match="cannot be opened"):
        NetworkDatabase(tmp_path / name)


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, only a text that is long enough to be looked at " * 20)
    with pytest.raises(NetworkError, match="cannot be opened"):
        NetworkDatabase(tmp_path / "notes.txt")


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "social.db")
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(NetworkError, match="has version 9"):
        NetworkDatabase(tmp_path / "social.db")


def old_file(folder: Path) -> Path:
    path = folder / "social.db"
    old = sqlite3.connect(path)
    old.executescript(Path(__file__).with_name("social_version_1.sql").read_text("utf-8"))
    assert old.execute("PRAGMA user_version").fetchone() == (1,)
    old.close()
    return path


def test_a_file_of_version_1_is_brought_up_to_date_and_keeps_everything(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    network = Network(path, seed=7)
    kept = network.post("1")
    assert (kept.text, kept.author, kept.likes, kept.replies, kept.media) == ("Hello", "nova", 24, 1, [])
    replayed = network.publish("tweet", "nova", ["Hello"], "k1", ai_label=True)
    assert (replayed.replayed, replayed.ids, replayed.media) == (True, ["1"], [])
    assert network.publish("tweet", "nova", ["Hello again"], "k2", ai_label=True).ids == ["3"]
    network.close()
    database = NetworkDatabase(path)
    assert database.read("PRAGMA user_version")[0][0] == 2
    assert database.read("PRAGMA integrity_check")[0][0] == "ok"
    assert database.read("PRAGMA foreign_key_check") == []
    database.close()


def test_an_old_file_has_the_same_tables_afterwards_as_a_new_one(tmp_path: Path) -> None:
    columns = []
    (tmp_path / "old").mkdir()
    for path in (tmp_path / "new.db", old_file(tmp_path / "old")):
        database = NetworkDatabase(path)
        tables = [row[0] for row in database.read("SELECT name FROM sqlite_schema ORDER BY name")]
        columns.append([(table, *map(tuple, database.read(f"PRAGMA table_xinfo({table})"))) for table in tables])
        database.close()
    assert columns[0] == columns[1]


def test_many_that_open_an_old_file_at_once_bring_it_up_to_date_once(tmp_path: Path) -> None:
    path = old_file(tmp_path)

    def opened(_: int) -> int:
        database = NetworkDatabase(path)
        version = int(database.read("PRAGMA user_version")[0][0])
        database.close()
        return version

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(opened, range(8))) == {2}


def test_a_failed_transaction_keeps_nothing(tmp_path: Path) -> None:
    database = NetworkDatabase(tmp_path / "social.db")
    with pytest.raises(NetworkError, match="cannot be written"), database.transaction() as db:
        db.execute("INSERT INTO counter VALUES ('x', 1)")
        db.execute("INSERT INTO nowhere VALUES (1)")
    assert database.read("SELECT * FROM counter") == []
    with pytest.raises(NetworkError, match="cannot be read"):
        database.read("SELECT * FROM nowhere")
    database.close()
