"""The signer's socket: one JSON object a line in, one out, for the owner of the file alone."""

import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from chimera_wallet.signer.rules import Code, SignerError, SigningChain, SigningDomain
from chimera_wallet.signer.signer import Desk

MAX_LINE = 65_536
"""Longest request, in bytes."""

Account = Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}:[0-9a-f-]{36}$")]
Signature = Annotated[str, StringConstraints(max_length=1_024)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Address(_Request):
    method: Literal["address"]
    account: Account

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.address(self.account)


class _SignTransaction(_Request):
    method: Literal["sign_transaction"]
    order: dict[str, JsonValue]
    signature: Signature
    chain: SigningChain

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.sign_transaction(self.order, self.signature, self.chain)


class _SignAuthorization(_Request):
    method: Literal["sign_authorization"]
    order: dict[str, JsonValue]
    signature: Signature
    domain: SigningDomain

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.sign_authorization(self.order, self.signature, self.domain)


class _Find(_Request):
    method: Literal["find"]
    order_id: UUID

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.find(str(self.order_id))


class _Last(_Request):
    method: Literal["last"]
    account: Account

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.last(self.account)


class _Unconfirmed(_Request):
    method: Literal["unconfirmed"]
    account: Account
    nonce: int = Field(ge=0)

    def run(self, desk: Desk) -> dict[str, JsonValue]:
        return desk.unconfirmed(self.account, self.nonce)


_Any = _Address | _SignTransaction | _SignAuthorization | _Find | _Last | _Unconfirmed
_REQUEST: TypeAdapter[_Any] = TypeAdapter(Annotated[_Any, Field(discriminator="method")])


def answered(desk: Desk, line: bytes) -> dict[str, JsonValue]:
    """The answer to one line: what was asked for, or {"error": {code, message, remedy}}."""
    try:
        return _REQUEST.validate_json(line).run(desk)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, wrong["loc"])) or "request"
        return _failure(SignerError(Code.INVALID, f"{place}: {wrong['msg']}"[:500]))
    except SignerError as error:
        return _failure(error)


@asynccontextmanager
async def opened(desk: Desk, path: Path) -> AsyncIterator[None]:
    """Serve the desk on a socket. OSError when it cannot listen there or another process does."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError), contextlib.closing(writer):
            await _converse(desk, reader, writer)

    listener = _bound(path)
    server = await asyncio.start_unix_server(talk, sock=listener, limit=MAX_LINE)
    try:
        yield
    finally:
        server.close()
        _remove(path)


async def _converse(desk: Desk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return
        except asyncio.LimitOverrunError:
            said = _failure(SignerError(Code.INVALID, f"a line has at most {MAX_LINE} bytes"))
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()
            return
        said = await asyncio.to_thread(answered, desk, line)
        writer.write(json.dumps(said).encode() + b"\n")
        await writer.drain()


def _bound(path: Path) -> socket.socket:
    _clear(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        path.chmod(0o600)
    except OSError:
        listener.close()
        raise
    return listener


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """Take away the socket that a killed signer left behind, and nothing else."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise OSError(f"{path} is not a socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"another process listens on {path}")


def _failure(error: SignerError) -> dict[str, JsonValue]:
    return {"error": {"code": error.code.value, "message": error.message, "remedy": error.remedy}}
