"""JSON-RPC 2.0 over HTTP: one request or a batch of them, within bounds."""

import json
from collections.abc import Awaitable, Callable, Mapping

import anyio
from anyio import to_thread
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from pydantic import JsonValue, TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from chimera_devnet.chain.evm import ChainRejected
from chimera_devnet.chain.methods import BadParameters, Parameters
from chimera_serving.journal import JournalError

MAX_BODY = 1_000_000
"""Longest request, in bytes."""

MAX_BATCH = 1_000

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)
_PARSE, _INVALID, _NO_METHOD, _PARAMETERS, _INTERNAL, _REFUSED, _REVERTED = (
    -32700,
    -32600,
    -32601,
    -32602,
    -32603,
    -32000,
    3,
)
_REASON = b"\x08\xc3y\xa0"
"""The selector of Error(string), before the words that a contract fails with."""

Methods = Mapping[str, Callable[[Parameters], JsonValue]]


def application(methods: Methods) -> Starlette:
    """The HTTP face of these methods. They run one at a time: the chain is not made for more."""
    turn = anyio.CapacityLimiter(1)

    async def serve(request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return _reply(_error(None, _INVALID, f"a request has at most {MAX_BODY} bytes"), 413)
        answer = await to_thread.run_sync(answered, methods, body, limiter=turn)
        return Response(status_code=204) if answer is None else _reply(answer)

    endpoint: Callable[[Request], Awaitable[Response]] = serve
    return Starlette(routes=[Route("/", endpoint, methods=["POST"])])


def answered(methods: Methods, body: bytes) -> JsonValue:
    """The answer to a request's body; None when nothing but notifications was sent."""
    try:
        sent = _JSON.validate_json(body)
    except ValueError:
        return _error(None, _PARSE, "the request is not JSON")
    if not isinstance(sent, list):
        return _one(methods, sent)
    if not 1 <= len(sent) <= MAX_BATCH:
        return _error(None, _INVALID, f"a batch has 1 to {MAX_BATCH} requests")
    answers: list[JsonValue] = [answer for one in sent if (answer := _one(methods, one)) is not None]
    return answers or None


def _one(methods: Methods, sent: JsonValue) -> JsonValue:
    if not isinstance(sent, dict) or sent.get("jsonrpc") != "2.0" or not isinstance(sent.get("method"), str):
        return _error(None, _INVALID, 'a request is an object with jsonrpc "2.0" and a method')
    answer = _called(methods, sent)
    return answer if "id" in sent else None


def _called(methods: Methods, sent: dict[str, JsonValue]) -> JsonValue:
    name, number, parameters = sent["method"], sent.get("id"), sent.get("params", [])
    method = methods.get(name) if isinstance(name, str) else None
    if method is None:
        return _error(number, _NO_METHOD, f"there is no method {str(name)[:60]}")
    if not isinstance(parameters, list):
        return _error(number, _PARAMETERS, "parameters are given as an array")
    try:
        return {"jsonrpc": "2.0", "id": number, "result": method(parameters)}
    except BadParameters as error:
        return _error(number, _PARAMETERS, str(error))
    except ChainRejected as error:
        return _refusal(number, error)
    except JournalError as error:
        return _error(number, _INTERNAL, str(error))


def _refusal(number: JsonValue, error: ChainRejected) -> JsonValue:
    if not error.data:
        return _error(number, _REFUSED, str(error))
    return _error(number, _REVERTED, f"{error}{_reason(error.data)}", "0x" + error.data.hex())


def _reason(data: bytes) -> str:
    try:
        return f": {decode(['string'], data[4:])[0]}" if data.startswith(_REASON) else ""
    except DecodingError:
        return ""


def _error(number: JsonValue, code: int, message: str, data: JsonValue = None) -> JsonValue:
    said: dict[str, JsonValue] = {"code": code, "message": message}
    return {"jsonrpc": "2.0", "id": number, "error": said if data is None else {**said, "data": data}}


def _reply(answer: JsonValue, status: int = 200) -> Response:
    return Response(json.dumps(answer), status, media_type="application/json")
