"""Ethereum's JSON-RPC, spoken to a node: requests out, typed answers back."""

from collections.abc import Sequence
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

TIMEOUT_SECONDS = 10
MAX_BATCH = 100

Answer = TypeVar("Answer")
Request = tuple[str, list[JsonValue]]


class RpcError(Exception):
    """The node did not answer the question."""


class RpcRefused(RpcError):
    """The node answered that it will not do it."""


class RpcUnreachable(RpcError):
    """No usable answer came: whether the node did it is unknown."""


def _number(value: object) -> object:
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16)
    raise ValueError("a quantity is written like 0x1f")


def _bytes(value: object) -> object:
    if isinstance(value, str) and value.startswith("0x"):
        return bytes.fromhex(value[2:])
    raise ValueError("data is written in hexadecimal digits after 0x")


Quantity = Annotated[int, BeforeValidator(_number)]
Data = Annotated[bytes, BeforeValidator(_bytes)]
QUANTITY: TypeAdapter[int] = TypeAdapter(Quantity)
DATA: TypeAdapter[bytes] = TypeAdapter(Data)


class _Seen(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Log(_Seen):
    """What a contract said while a transaction ran."""

    address: str
    topics: list[str]
    data: Data
    transaction_hash: str
    block_number: Quantity
    log_index: Quantity


class ChainReceipt(_Seen):
    """What became of a transaction that was mined."""

    block_number: Quantity
    status: Quantity
    gas_used: Quantity
    effective_gas_price: Quantity
    contract_address: str | None = None
    logs: list[Log]
    # Chains that live on top of another one charge for its data besides.
    l1_fee: Quantity = 0

    @property
    def fee(self) -> int:
        """What the payer lost besides the amount, in wei."""
        return self.gas_used * self.effective_gas_price + self.l1_fee


class Transaction(_Seen):
    """A transaction as a block holds it."""

    hash: str
    sender: str = Field(alias="from")
    to: str | None
    value: Quantity


class Carried(_Seen):
    """A transaction's data, and the block that has it, if one has."""

    block_number: Quantity | None
    data: Data = Field(alias="input")


class ChainBlock(_Seen):
    """A block and all its transactions."""

    number: Quantity
    base_fee_per_gas: Quantity = 0
    transactions: list[Transaction | str]


RECEIPT: TypeAdapter[ChainReceipt | None] = TypeAdapter(ChainReceipt | None)
TRANSACTION: TypeAdapter[dict[str, JsonValue] | None] = TypeAdapter(dict[str, JsonValue] | None)
CARRIED: TypeAdapter[Carried | None] = TypeAdapter(Carried | None)
BLOCK: TypeAdapter[ChainBlock | None] = TypeAdapter(ChainBlock | None)
LOGS: TypeAdapter[list[Log]] = TypeAdapter(list[Log])


class _Failure(BaseModel):
    code: int
    message: str


class _Reply(BaseModel):
    id: int | None = None
    result: JsonValue = None
    error: _Failure | None = None


_REPLIES: TypeAdapter[list[_Reply] | _Reply] = TypeAdapter(list[_Reply] | _Reply)


class Rpc:
    """One node. Every method raises RpcError."""

    def __init__(self, url: str) -> None:
        self._url = url
        # A proxy of the environment is for the world, not for a node on this machine.
        proxied = urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")
        self._http = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=proxied)

    async def ask(self, kind: TypeAdapter[Answer], method: str, *parameters: JsonValue) -> Answer:
        """The answer to one question."""
        (answer,) = await self.ask_all(kind, [(method, list(parameters))])
        return answer

    async def ask_all(self, kind: TypeAdapter[Answer], requests: Sequence[Request]) -> list[Answer]:
        """The answers to several questions, in their order; RpcRefused when the node refuses any of them."""
        answers: list[Answer] = []
        for start in range(0, len(requests), MAX_BATCH):
            results = await self._post(requests[start : start + MAX_BATCH])
            try:
                answers += [kind.validate_python(result) for result in results]
            except ValidationError as error:
                wrong = error.errors(include_url=False, include_input=False)[0]
                raise RpcUnreachable(f"the node's answer makes no sense: {wrong['loc']} {wrong['msg']}") from error
        return answers

    async def _post(self, requests: Sequence[Request]) -> list[JsonValue]:
        said: list[JsonValue] = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in enumerate(requests)
        ]
        try:
            reply = await self._http.post(self._url, json=said if len(said) > 1 else said[0])
            read = _REPLIES.validate_json(reply.content)
        except httpx2.HTTPError as error:
            raise RpcUnreachable(f"the node cannot be reached ({type(error).__name__})") from error
        except ValidationError as error:
            raise RpcUnreachable(f"the node does not speak JSON-RPC (HTTP status {reply.status_code})") from error
        replies = {one.id: one for one in (read if isinstance(read, list) else [read])}
        results: list[JsonValue] = []
        for number in range(len(said)):
            found = replies.get(number) or replies.get(None)
            if found is None:
                raise RpcUnreachable("the node left a question without an answer")
            if found.error is not None:
                raise RpcRefused(found.error.message[:300])
            results.append(found.result)
        return results
