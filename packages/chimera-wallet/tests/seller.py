"""A chain with a token, and a seller on loopback whose facilitator really settles there. Its faults are switches."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import httpx2
import uvicorn
from eth_account import Account
from eth_account.signers.local import LocalAccount
from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from x402 import x402Facilitator, x402ResourceServer
from x402.extensions.payment_identifier import declare_payment_identifier_extension, extract_payment_identifier
from x402.http import PaymentOption, RouteConfig, decode_payment_signature_header
from x402.http.middleware.fastapi import PaymentMiddlewareASGI
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import ExactEvmServerScheme, register_exact_evm_facilitator
from x402.schemas import AssetAmount

from chimera_devnet.chain.evm import CHAIN_ID
from chimera_devnet.chain.methods import methods
from chimera_devnet.chain.node import Node
from chimera_devnet.chain.rpc import application
from chimera_protocol.payments import PaymentOrder
from chimera_wallet.messages import PaymentRefused
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import money_units
from chimera_wallet.x402.buying import authorization_nonce
from chimera_wallet.x402.terms import (
    ResourceError,
    SignedAuthorization,
    Token,
    TokenDomain,
    TransferAuthorization,
    order_deadline,
)

NAME, VERSION = "USD Coin (test)", "2"
UNIT = 1_000_000
REPORT = "the report, in full"


@contextmanager
def serving(app: ASGIApp) -> Iterator[tuple[uvicorn.Server, str]]:
    """An application on a free port of loopback, for the length of the block."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)


class Chain:
    """The embedded chain behind JSON-RPC, and a clock that can be put forward; `rpc` is the wallet's way to it."""

    def __init__(self, state: Path) -> None:
        self.late = 0
        self.down = False
        self.asked: list[str] = []
        self.node = Node(state, lambda: int(time.time()) + self.late)
        self.token = Token(CHAIN_ID, self.node.token, TokenDomain(NAME, VERSION))
        self.url = ""
        self.settler: LocalAccount = Account.create()

    async def rpc(self, method: str, params: list[JsonValue]) -> JsonValue:
        if self.down:
            raise ResourceError(PaymentRefused.UNAVAILABLE, "the chain does not answer")
        self.asked.append(method)
        said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with httpx2.AsyncClient(timeout=30, verify=False) as client:
            answer = (await client.post(self.url, json=said)).json()
        assert "error" not in answer, answer
        result: JsonValue = answer["result"]
        return result

    async def fund(self, address: str, amount: str) -> None:
        await self.rpc("chimera_fund", [address, amount])

    async def balance(self, address: str) -> int:
        call: JsonValue = {"to": self.token.address, "data": "0x" + contract.balance_of(address).hex()}
        return int(str(await self.rpc("eth_call", [call, "latest"])), 16)


@contextmanager
def chain_running(state: Path) -> Iterator[Chain]:
    """An embedded chain, for the length of the block."""
    chain = Chain(state)
    with serving(application(methods(chain.node))) as (_, chain.url):
        yield chain
    chain.node.close()


class Signer:
    """Stands in for the signer process: one order, one authorisation, for ever."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._payer: LocalAccount = Account.create()
        self.address = self._payer.address
        self.orders: list[PaymentOrder] = []

    async def __call__(self, order: PaymentOrder, domain: TokenDomain) -> SignedAuthorization:
        self.orders.append(order)
        message = {
            "from": self.address,
            "to": order.destination,
            "value": money_units(order.money),
            "validAfter": 0,
            "validBefore": order_deadline(order.expires_at),
            "nonce": authorization_nonce(order.order_id),
        }
        kinds = ("address", "address", "uint256", "uint256", "uint256", "bytes32")
        signed = self._payer.sign_typed_data(
            domain_data={
                "name": domain.name,
                "version": domain.version,
                "chainId": order.chain_id,
                "verifyingContract": self._chain.token.address,
            },
            message_types={
                "TransferWithAuthorization": [
                    {"name": name, "type": kind} for name, kind in zip(message, kinds, strict=True)
                ]
            },
            message_data=message,
        )
        return SignedAuthorization(
            authorization=TransferAuthorization.model_validate(message), signature="0x" + signed.signature.hex()
        )


class Fault(StrEnum):
    """What goes wrong with a paid request."""

    STALL_AFTER_SETTLEMENT = "stall_after_settlement"
    DROP_AFTER_SETTLEMENT = "drop_after_settlement"
    ERROR_AFTER_SETTLEMENT = "error_after_settlement"
    DROP_BEFORE_SETTLEMENT = "drop_before_settlement"
    ERROR_BEFORE_SETTLEMENT = "error_before_settlement"


@dataclass
class Seller:
    """What the seller asks and how it behaves; tests turn the switches while it runs."""

    chain: Chain
    pay_to: str
    price: int = UNIT // 20
    asset: str = ""
    name: str = NAME
    faults: list[Fault] = field(default_factory=list)
    remembers: bool = False
    payments: list[str] = field(default_factory=list)
    body: str = REPORT
    url: str = ""
    server: uvicorn.Server | None = None
    _kept: dict[str, list[Message]] = field(default_factory=dict)

    def app(self) -> ASGIApp:
        network = self.chain.token.network
        signer = FacilitatorWeb3Signer(self.chain.settler.key.hex(), self.chain.url)
        facilitator = register_exact_evm_facilitator(x402Facilitator(), signer, network)
        resources = x402ResourceServer(facilitator)
        resources.register(network, ExactEvmServerScheme())
        option = PaymentOption(
            scheme="exact", pay_to=lambda _: self.pay_to, price=lambda _: self._price(), network=network
        )
        extensions = {"payment-identifier": declare_payment_identifier_extension()}
        route = RouteConfig(option, description="A report\non trains", extensions=extensions)

        async def report(_: Request) -> Response:
            return PlainTextResponse(self.body)

        async def free(_: Request) -> Response:
            return PlainTextResponse(self.body)

        async def elsewhere(_: Request) -> Response:
            return RedirectResponse("http://127.0.0.1:1/secrets")

        async def broken(_: Request) -> Response:
            return Response(status_code=503)

        async def busy(_: Request) -> Response:
            return Response(status_code=429)

        pages = {"/busy": busy, "/report": report, "/free": free, "/elsewhere": elsewhere, "/broken": broken}
        app = Starlette(routes=[Route(path, page, methods=["GET", "POST"]) for path, page in pages.items()])
        app.add_middleware(PaymentMiddlewareASGI, routes={"/report": route}, server=resources)
        return self._faulty(app)

    def _price(self) -> AssetAmount:
        extra = {"name": self.name, "version": VERSION}
        return AssetAmount(amount=str(self.price), asset=self.asset or self.chain.token.address, extra=extra)

    def _faulty(self, app: ASGIApp) -> ASGIApp:
        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            headers = dict(scope.get("headers", []))
            if b"payment-signature" not in headers:
                await app(scope, receive, send)
                return
            payment = headers[b"payment-signature"].decode()
            self.payments.append(payment)
            fault = self.faults.pop(0) if self.faults else None
            if fault in (Fault.DROP_BEFORE_SETTLEMENT, Fault.ERROR_BEFORE_SETTLEMENT):
                await self._fail(fault, scope, receive, send)
                return
            answer = await self._answer(payment, app, scope, receive)
            if fault is not None:
                await self._fail(fault, scope, receive, send)
                return
            for message in answer:
                await send(message)

        return outer

    async def _answer(self, payment: str, app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
        known = extract_payment_identifier(decode_payment_signature_header(payment))
        if self.remembers and known in self._kept:
            return self._kept[known]
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await app(scope, receive, keep)
        if known is not None and answer[0]["status"] == 200:
            self._kept[known] = answer
        return answer

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if "error" in fault:
            await PlainTextResponse("out of order", status_code=500)(scope, receive, send)
        elif "stall" in fault:
            while (await receive())["type"] != "http.disconnect":
                continue
        else:
            assert self.server is not None
            for connection in list(self.server.server_state.connections):
                assert isinstance(connection.transport, asyncio.Transport)
                connection.transport.abort()


@contextmanager
def selling(chain: Chain) -> Iterator[Seller]:
    """A seller that is open for the length of the block."""
    seller = Seller(chain, Account.create().address)
    with serving(seller.app()) as (seller.server, seller.url):
        yield seller
