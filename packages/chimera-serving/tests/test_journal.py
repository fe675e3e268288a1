"""A journal keeps what it said it keeps, and gives up only what nobody was told."""

import os
from pathlib import Path

import pytest

from chimera_serving.journal import Journal, JournalError


def written(path: Path, *records: dict[str, object]) -> None:
    journal = Journal(path)
    for record in records:
        journal.append(record)
    journal.close()


def test_what_was_appended_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    written(path, {"n": 1}, {"text": "ü\n"})
    written(path, {"n": 3})
    journal = Journal(path)
    assert journal.records == [{"n": 1}, {"text": "ü\n"}, {"n": 3}]
    assert path.stat().st_mode & 0o777 == 0o600
    journal.close()


@pytest.mark.parametrize("torn", [b'{"n":', b'{"n":2}', b"\0\0\0\n", b"7\n"])
def test_a_torn_last_line_is_dropped_and_the_next_one_is_whole(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "a.jsonl"
    written(path, {"n": 1})
    with path.open("ab") as file:
        file.write(torn)
    written(path, {"n": 3})
    journal = Journal(path)
    assert journal.records == [{"n": 1}, {"n": 3}]
    journal.close()


def test_a_damaged_line_in_the_middle_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n{"n"\n{"n":3}\n')
    with pytest.raises(JournalError, match=r"line 2 of .* is damaged"):
        Journal(path)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    first = Journal(tmp_path / "a.jsonl")
    with pytest.raises(JournalError, match="in use by another process"):
        Journal(tmp_path / "a.jsonl")
    first.close()
    Journal(tmp_path / "a.jsonl").close()


def test_what_the_disk_did_not_take_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.append({"n": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.append({"n": 2})
    journal.append({"n": 3})
    journal.close()
    assert (tmp_path / "a.jsonl").read_text() == '{"n":1}\n{"n":3}\n'


def test_what_did_not_hold_is_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "a.jsonl")
    journal.append({"n": 1})
    journal.append({"n": 2})
    journal.retract({"n": 2})
    journal.append({"n": 3})
    journal.close()
    assert (tmp_path / "a.jsonl").read_text() == '{"n":1}\n{"n":3}\n'


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(tmp_path / "file" / "a.jsonl")
