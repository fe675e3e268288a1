"""The way to the signer: one line out, one line back, over its Unix socket."""

import asyncio
import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter, ValidationError

from chimera_protocol.payments import PaymentOrder

RETRY_SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
_PAUSE_SECONDS = 0.1
_LONGEST_LINE = 16_000_000

Answer = TypeVar("Answer", bound=BaseModel)


class SignerRefused(Exception):
    """The signer answered that it will not sign."""

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code = code


class SignerLost(Exception):
    """The signer could not be spoken to; when it was asked to sign, it may have done so."""


class Signed(BaseModel):
    """Something that was signed for an order, or (`found` false) nothing."""

    found: bool = True
    order: PaymentOrder | None = None
    cfo_signature: str = ""
    address: str = ""
    nonce: int | None = None
    raw: str = ""
    tx_hash: str | None = None
    max_fee: str = "0"
    authorization: dict[str, str] | None = None
    token: str = ""


class _Address(BaseModel):
    address: str


class _Unconfirmed(BaseModel):
    transactions: list[Signed]


class _Failure(BaseModel):
    code: str
    message: str
    remedy: str


class _Failed(BaseModel):
    error: _Failure


_FAILED: TypeAdapter[_Failed] = TypeAdapter(_Failed)


class SignerClient:
    """The signer. Every method raises SignerRefused or SignerLost; all may be repeated."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def address(self, account: str) -> str:
        """The address of an account."""
        return (await self._ask(_Address, method="address", account=account)).address

    async def find(self, order_id: str) -> Signed:
        """What was signed for an order."""
        return await self._ask(Signed, method="find", order_id=order_id)

    async def last(self, account: str) -> Signed:
        """The newest transaction that was signed for an account."""
        return await self._ask(Signed, method="last", account=account)

    async def unconfirmed(self, account: str, nonce: int) -> list[Signed]:
        """What an account signed from a nonce on, in order."""
        return (await self._ask(_Unconfirmed, method="unconfirmed", account=account, nonce=nonce)).transactions

    async def sign_transaction(self, order: dict[str, JsonValue], signature: str, chain: dict[str, JsonValue]) -> None:
        """Have the transaction of an order signed; `find` tells what it is."""
        await self._ask(Signed, method="sign_transaction", order=order, signature=signature, chain=chain)

    async def _ask(self, kind: type[Answer], **request: JsonValue) -> Answer:
        line = json.dumps(request).encode() + b"\n"
        deadline = asyncio.get_running_loop().time() + RETRY_SECONDS
        while True:
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    answer = await self._exchange(line)
                break
            except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
                # A signer that was killed is started again; the same question has the same answer then.
                if asyncio.get_running_loop().time() > deadline:
                    raise SignerLost(f"the signer cannot be reached ({type(error).__name__})") from error
            await asyncio.sleep(_PAUSE_SECONDS)
        try:
            if b'"error"' in answer[:16]:
                failure = _FAILED.validate_json(answer).error
                raise SignerRefused(failure.code, failure.message, failure.remedy)
            return kind.model_validate_json(answer)
        except ValidationError as error:
            raise SignerLost("the signer's answer makes no sense") from error

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=_LONGEST_LINE)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readuntil(b"\n")
        finally:
            writer.close()
