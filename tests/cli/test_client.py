"""Finding a running Chimera, and what is said when there is none."""

from pathlib import Path

import pytest
import typer

from chimera.cli import client


def test_rows_takes_pages_and_lists() -> None:
    assert client.rows({"items": [{"a": 1}], "next": None}) == [{"a": 1}]
    assert client.rows([{"a": 1}, "noise"]) == [{"a": 1}]
    assert client.rows(None) == []


def test_without_a_running_chimera_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHIMERA_STATE", str(tmp_path))

    with pytest.raises(typer.Exit) as ended:
        client.call("GET", "/v1/fleet")

    assert ended.value.exit_code == 1
    assert "chimera up" in capsys.readouterr().err


def test_a_silent_address_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHIMERA_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CHIMERA_KEY", "chm_unknown-key")

    with pytest.raises(typer.Exit):
        client.call("GET", "/v1/fleet")

    said = capsys.readouterr().err
    assert "127.0.0.1:1" in said
    assert "chm_unknown" not in said
