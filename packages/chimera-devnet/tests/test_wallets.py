"""The chain and the signer as processes of ours: what survives, who is told what, and that nobody stays behind."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from chimera_devnet import EmbeddedError, chain_of, signer_of
from chimera_devnet import wallet_services as wallets

CFO = "A" * 43
TOKENS = {"USDC": "0x52908400098527886E0F7030069857D2E4169EE7"}
PASSPHRASE = "two red foxes in the hay"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@asynccontextmanager
async def signing(state: Path, passphrase: str | None = None) -> AsyncIterator[Path]:
    async with signer_of(state, cfo_key=CFO, chain_id=31_337, tokens=TOKENS, passphrase=passphrase) as socket:
        yield socket


def words(process: psutil.Process) -> str:
    """What a process was started with; nothing of one that is over."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def ours(state: Path, name: str) -> psutil.Process:
    """The one process of this module that was started for a state folder."""
    children = psutil.Process(os.getpid()).children()
    (found,) = [each for each in children if f"chimera_{name} --state {state}/" in words(each)]
    return found


async def address(socket: Path) -> str:
    reader, writer = await asyncio.open_unix_connection(socket)
    name = "00000000-0000-0000-0000-000000000001:00000000-0000-0000-0000-000000000002"
    writer.write(json.dumps({"method": "address", "account": name}).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return str(answer["address"])


async def test_a_chain_is_the_same_at_its_next_start_and_a_killed_one_is_no_obstacle(state: Path) -> None:
    async with chain_of(state) as (url, chain_id, tokens, faucet):
        process = ours(state, "devnet.chain")
        assert (url.startswith("http://127.0.0.1:"), chain_id, set(tokens)) == (True, 31_337, {"USDC"})
        listening = {link.laddr.ip for link in process.net_connections() if link.status == psutil.CONN_LISTEN}
        assert listening == {"127.0.0.1"}
        process.send_signal(signal.SIGKILL)
        async with chain_of(state) as (_, *same):
            assert same == [chain_id, tokens, faucet]
    assert not process.is_running()


async def test_a_signers_keys_outlive_it_and_open_to_its_passphrase_alone(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHIMERA_WALLET_PASSPHRASE", PASSPHRASE)
    async with signing(state, PASSPHRASE) as socket:
        first, process = await address(socket), ours(state, "wallet.signer")
        told = " ".join([*process.cmdline(), *process.environ().values()])
        assert PASSPHRASE not in told
        assert set(process.environ()) == {"PATH", "LC_ALL", "CHIMERA_PARENT_PID"}
        assert (socket.stat().st_mode & 0o077, socket.parent.stat().st_mode & 0o077) == (0, 0)
    assert not (process.is_running() or socket.exists())
    async with signing(state, PASSPHRASE) as socket:
        assert await address(socket) == first
    monkeypatch.setattr(wallets, "RETRY_SECONDS", 0)
    with pytest.raises(EmbeddedError, match=r"signer did not start.*(?s:.*)passphrase is wrong"):
        async with signing(state, "another one altogether"):
            pass
    assert not (state / "signer.passphrase").exists()


async def test_without_a_passphrase_one_is_made_up_and_kept_for_the_owner(state: Path) -> None:
    async with signing(state) as socket:
        first = await address(socket)
    kept = state / "signer.passphrase"
    assert (kept.stat().st_mode & 0o777, len(kept.read_text("utf-8"))) == (0o600, 32)
    async with signing(state) as socket:
        assert await address(socket) == first
    async with signing(state, kept.read_text("utf-8")) as socket:
        assert await address(socket) == first


async def test_one_that_says_nothing_is_ended_and_the_end_of_its_log_is_told(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state / "chain").mkdir(parents=True)
    (state / "chain" / "chain.jsonl").write_text("rubbish\nrubbish\n", "utf-8")
    monkeypatch.setattr(wallets, "RETRY_SECONDS", 0)
    with pytest.raises(EmbeddedError, match=r"chain did not start(?s:.*)line 1 .* is damaged"):
        async with chain_of(state):
            pass


async def test_a_cfo_whose_key_begins_with_a_dash_has_a_signer_too(state: Path) -> None:
    """One key in 64 does, and it must not be taken for an option."""
    async with signer_of(
        state, cfo_key="-" + "A" * 42, chain_id=31_337, tokens=TOKENS, passphrase=PASSPHRASE
    ) as socket:
        assert (await address(socket)).startswith("0x")
