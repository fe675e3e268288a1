"""A file is measured in a process that waits for the next one, and nothing that it does to its reader is done to us."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

import chimera
from chimera.errors import Unavailable
from chimera.gateways import probe_client
from chimera.gateways.probe_client import probe
from chimera_protocol.errors import Invalid, NotFound

READY = "import sys; print('ready', flush=True); "
IN_A_ROLE = """
import asyncio, sys
from pathlib import Path
import chimera.wiring.roles, chimera.cli.server_commands
from chimera.gateways.probe_client import probe
print(asyncio.run(probe(Path(sys.argv[1]))).resolution, "av" in sys.modules)
"""


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """No process of another test waits, and none of ours is left."""
    probe_client.close()
    yield
    probe_client.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), "red").save(path := tmp_path / "card.png")
    return path


def workers() -> set[int]:
    """The processes that measure for this one."""
    return {
        child.pid for child in psutil.Process().children() if any("probe_server" in word for word in child.cmdline())
    }


def harmful(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let another program be started in place of ours."""
    reader = folder / "python"
    reader.write_text(f'#!/bin/sh\necho >> {folder}/started\nexec {sys.executable} -c "{code}" probe_server\n')
    reader.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(reader))


async def test_one_process_measures_one_file_after_the_other(card: Path) -> None:
    assert (await probe(card)).resolution == "40x30"
    (first,) = workers()
    assert (await probe(card)).resolution == "40x30"
    with pytest.raises(NotFound):
        await probe(card.with_name("missing.png"))
    assert workers() == {first}


def test_it_goes_on_in_another_event_loop(card: Path) -> None:
    asyncio.run(probe(card))
    (first,) = workers()
    assert asyncio.run(probe(card)).resolution == "40x30"
    assert workers() == {first}


async def test_many_at_once_are_all_measured_by_few(card: Path) -> None:
    facts = await asyncio.gather(*(probe(card) for _ in range(3 * probe_client.AT_ONCE)))
    assert {each.resolution for each in facts} == {"40x30"}
    assert 1 <= len(workers()) <= probe_client.AT_ONCE


async def test_a_process_that_was_ended_is_followed_by_another(card: Path) -> None:
    await probe(card)
    (first,) = workers()
    os.kill(first, signal.SIGKILL)
    assert (await probe(card)).resolution == "40x30"
    assert first not in workers()


def test_no_role_has_the_readers_in_its_process(card: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(chimera.__file__).parent.parent)}
    told = subprocess.run([sys.executable, "-c", IN_A_ROLE, card], env=env, capture_output=True, text=True, timeout=60)
    assert told.stdout.split() == ["40x30", "False"], told.stderr


@pytest.mark.parametrize(
    "harm",
    [
        "sys.stdin.readline(); import os; os.abort()",
        "sys.stdin.readline(); print('no facts', flush=True)",
        "sys.stdin.readline(); print('x' * (1 << 17), flush=True)",
        "sys.stdin.readline()",
    ],
)
async def test_a_file_that_harms_its_reader_twice_is_refused(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    harmful(tmp_path, monkeypatch, READY + harm)
    with pytest.raises(Invalid, match=r"'card.png' gives up"):
        await probe(card)
    assert (tmp_path / "started").read_text().count("\n") == 2
    assert workers() == set()


async def test_a_reader_that_never_answers_is_stopped(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful(tmp_path, monkeypatch, f"{READY}sys.stdin.readlines()")
    with pytest.raises(Invalid, match="too long"):
        await probe(card, seconds=0)
    assert workers() == set()


async def test_without_a_reader_nothing_is_said_of_the_file(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful(tmp_path, monkeypatch, "raise SystemExit(3)")
    with pytest.raises(Unavailable):
        await probe(card)


async def test_it_is_told_none_of_our_secrets(card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    (reader := tmp_path / "python").write_text(f"#!/bin/sh\nenv > {seen}\n")
    reader.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(reader))
    monkeypatch.setitem(os.environ, "CHIMERA_WALLET_PASSPHRASE", "open sesame")
    with pytest.raises(Unavailable):
        await probe(card)
    assert "PATH=" in seen.read_text()
    assert "sesame" not in seen.read_text()
