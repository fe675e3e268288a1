"""The way to the signer: it waits for one that comes back, and never takes silence for a no."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from chimera_wallet import signing
from chimera_wallet.signing import SignerClient, SignerLost, SignerRefused


async def listening(path: Path, *answers: bytes) -> asyncio.Server:
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(left.pop(0) if left else b"")
        writer.close()

    return await asyncio.start_unix_server(talk, path)


async def test_it_asks_again_when_the_signer_went_away(tmp_path: Path) -> None:
    async with await listening(tmp_path / "s", b"", b'{"addr', b'{"address":"0x1"}\n'):
        assert await SignerClient(tmp_path / "s").address(f"{uuid4()}:{uuid4()}") == "0x1"


async def test_it_gives_up_in_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "RETRY_SECONDS", 0.0)
    with pytest.raises(SignerLost, match="cannot be reached"):
        await SignerClient(tmp_path / "nobody").find("x")
    for rubbish in (b"5\n", b"x\n", b'{"error":5}\n', b'{"found":"perhaps"}\n'):
        async with await listening(tmp_path / "s", rubbish):
            with pytest.raises(SignerLost):
                await SignerClient(tmp_path / "s").find("x")


async def test_a_refusal_keeps_its_code(tmp_path: Path) -> None:
    said = {"error": {"code": "expired", "message": "too late.", "remedy": "Order it anew."}}
    async with await listening(tmp_path / "s", json.dumps(said).encode() + b"\n"):
        with pytest.raises(SignerRefused, match=r"too late\. Order it anew\.") as caught:
            await SignerClient(tmp_path / "s").unconfirmed("a", 0)
    assert caught.value.code == "expired"


async def test_what_was_never_signed_is_not_found(tmp_path: Path) -> None:
    async with await listening(tmp_path / "s", b'{"found":false}\n'):
        found = await SignerClient(tmp_path / "s").find("x")
    assert (found.found, found.order, found.raw) == (False, None, "")
