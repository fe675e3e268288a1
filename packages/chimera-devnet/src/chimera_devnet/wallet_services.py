"""The chain of a laptop, and the process that holds the keys of its wallets: they end with the one that began them."""

import asyncio
import json
import os
import secrets
import sys
import tempfile
import time
import urllib.request
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from chimera_devnet.process import EmbeddedError, make_state, tail

PARENT = "CHIMERA_PARENT_PID"
READY_SECONDS = 60.0
RETRY_SECONDS = 10.0
PAUSE_SECONDS = 0.2
STOP_SECONDS = 5.0


@asynccontextmanager
async def chain_of(state: Path) -> AsyncIterator[tuple[str, int, dict[str, str], str]]:
    """The EVM that lives in a state folder: its address, its id, the contracts of its tokens, and its faucet."""
    folder = make_state(state)
    command = ["chimera_devnet.chain", "--state", str(folder / "chain")]
    async with _running(command, folder / "chain.log") as said:
        url = said.rpartition(" ")[2]
        info = await asyncio.to_thread(_info, url)
        yield url, int(str(info["chain_id"])), {"USDC": str(info["token"])}, str(info["faucet"])


@asynccontextmanager
async def signer_of(
    state: Path, *, cfo_key: str, chain_id: int, tokens: Mapping[str, str], passphrase: str | None
) -> AsyncIterator[Path]:
    """The socket of the signer whose keys lie in a state folder. Only it is told the passphrase."""
    folder = make_state(state)
    # A socket's path may have about a hundred characters, and a state folder more.
    with tempfile.TemporaryDirectory(prefix="chimera-signer-") as place:
        socket = Path(place) / "signer.sock"
        command = ["chimera_wallet.signer", "--state", str(folder / "signer"), "--socket", str(socket)]
        command += [f"--cfo-key={cfo_key}", f"--chain-id={chain_id}"]  # a key may begin with a dash
        command += [f"--token={symbol}={address}" for symbol, address in sorted(tokens.items())]
        async with _running(command, folder / "signer.log", told=passphrase or _kept_passphrase(folder)):
            yield socket


@asynccontextmanager
async def _running(command: Sequence[str], log: Path, told: str = "") -> AsyncIterator[str]:
    """A server of ours as a process; the line with which it says that it is ready.

    The one of a killed process may still hold the folder for a moment: it is waited for.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        process = await _begin(command, log)
        try:
            said = await _said(process, told)
            if said:
                yield said
                return
        finally:
            await _end(process)
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{command[0]} did not start; the end of {log}:\n{tail(log)}")
        await asyncio.sleep(PAUSE_SECONDS)


async def _begin(command: Sequence[str], log: Path) -> Process:
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=out,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", PARENT: str(os.getpid())},
            start_new_session=True,
        )


async def _said(process: Process, told: str) -> str:
    """Its first line; empty when it ends, or says nothing in time."""
    assert process.stdin is not None and process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            process.stdin.write(f"{told}\n".encode())
            process.stdin.close()
            return (await process.stdout.readline()).decode().strip()
    except (TimeoutError, ConnectionError):
        return ""


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _info(url: str) -> Mapping[str, object]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "chimera_info", "params": []}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        result: Mapping[str, object] = json.load(answer)["result"]
    return result


def _kept_passphrase(state: Path) -> str:
    """Made up at first use and kept beside the keystore: good against a copied keystore, not against this account."""
    path = state / "signer.passphrase"
    if not path.exists():
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(24), "utf-8")
        draft.rename(path)
    return path.read_text("utf-8").strip()
