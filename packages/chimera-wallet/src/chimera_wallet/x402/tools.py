"""The wallet's MCP tools for resources: ask the price, and pay what the CFO ordered."""

import json
from collections.abc import Awaitable, Iterable
from typing import Annotated, TypeVar

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from chimera_protocol.payments import PaymentOrder
from chimera_wallet.messages import PaymentRefused, WalletError
from chimera_wallet.rpc import QUANTITY, Rpc, RpcError
from chimera_wallet.signing import SignerClient, SignerLost, SignerRefused
from chimera_wallet.x402.answers import ResourceQuote, ResourceResult
from chimera_wallet.x402.buying import Sellers
from chimera_wallet.x402.settlement import Depth
from chimera_wallet.x402.terms import MAX_URL, ResourceError, SignedAuthorization, Token, TokenDomain, origin

CURRENCY = "USDC"

Answer = TypeVar("Answer")
Url = Annotated[str, Field(max_length=MAX_URL, description="http(s) address at a seller that --seller-host allows")]
Order = Annotated[dict[str, JsonValue], Field(description="a PaymentOrder, exactly as the CFO signed it")]
Signature = Annotated[str, Field(max_length=1_024, description="the CFO's detached JWS over the order's RFC 8785 form")]

_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)
_PAYS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
_LASTING = {"invalid", "unauthorised", "expired", "wrong_chain", "unknown_currency"}
_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Authorised(SignedAuthorization):
    model_config = ConfigDict(extra="ignore")


class ResourceSigner(SignerClient):
    """The signer, asked for authorisations as well."""

    async def sign_authorization(
        self, order: dict[str, JsonValue], signature: str, domain: TokenDomain
    ) -> SignedAuthorization:
        """The EIP-3009 authorisation of an order: the same one however often."""
        names: dict[str, JsonValue] = {"name": domain.name, "version": domain.version}
        return await self._ask(_Authorised, method="sign_authorization", order=order, signature=signature, domain=names)


class Resources:
    """Resources as the wallet buys them: with this signer, this node and this token, from these sellers."""

    def __init__(
        self, node: Rpc, signer: ResourceSigner, token: str | None, hosts: Iterable[str], confirmations: int = 1
    ) -> None:
        """Make ready; the chain is asked at first use. ResourceError when a host is no http(s) origin."""
        self._node = node
        self._signer = signer
        self._token = token
        self._hosts = [origin(host) for host in hosts]
        self._depth = Depth(confirmations=confirmations)
        self._sellers: Sellers | None = None

    async def quote(self, url: str) -> ResourceQuote:
        """What a resource costs. Raises ResourceError."""
        return await (await self._open()).quote(url)

    async def pay(self, said: dict[str, JsonValue], signature: str, url: str) -> ResourceResult:
        """Pay for a resource and fetch it. Raises ResourceError: nothing of this order is signed or given away."""
        try:
            order = PaymentOrder.model_validate_json(json.dumps(said))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, wrong["loc"]))
            raise ResourceError(
                PaymentRefused.INVALID, f"the order is not one: {place}: {wrong['msg']}"[:500]
            ) from error

        async def authorise(_: PaymentOrder, domain: TokenDomain) -> SignedAuthorization:
            # The signer is given the CFO's own words, since they are what the CFO signed.
            return await _signed(self._signer.sign_authorization(said, signature, domain))

        sellers = await self._open()
        payer = await _signed(self._signer.address(order.account))
        earlier = await _signed(self._signer.find(str(order.order_id)))
        return await sellers.pay(url, order, payer=payer, authorise=authorise, signed_before=earlier.found)

    async def _open(self) -> Sellers:
        if self._sellers is None:
            if self._token is None:
                raise ResourceError(
                    PaymentRefused.INVALID, f"no token to pay with is known; set --token {CURRENCY}=ADDRESS"
                )
            try:
                chain_id = await self._node.ask(QUANTITY, "eth_chainId")
            except RpcError as error:
                raise ResourceError(PaymentRefused.UNAVAILABLE, str(error)) from error
            domain = TokenDomain(await self._text("name()"), await self._text("version()"))
            token = Token(chain_id, self._token, domain, CURRENCY)
            self._sellers = Sellers(self._hosts, token, self._rpc, depth=self._depth)
        return self._sellers

    async def _text(self, question: str) -> str:
        """What the token's contract says of itself; signatures hold for these very words."""
        call: JsonValue = {"to": self._token, "data": "0x" + keccak(text=question)[:4].hex()}
        answer = await self._rpc("eth_call", [call, "latest"])
        try:
            (text,) = decode(["string"], bytes.fromhex(str(answer).removeprefix("0x")))
        except (DecodingError, ValueError, OverflowError) as error:
            raise ResourceError(
                PaymentRefused.INVALID, f"the token does not answer {question}; is --token right?"
            ) from error
        return str(text)

    async def _rpc(self, method: str, parameters: list[JsonValue]) -> JsonValue:
        try:
            return await self._node.ask(_JSON, method, *parameters)
        except RpcError as error:
            raise ResourceError(PaymentRefused.UNAVAILABLE, str(error)) from error


def add_resource_tools(server: MCPServer[None], resources: Resources) -> None:
    """Give the wallet's server `quote_resource` and `pay_resource`."""

    @server.tool(annotations=_READS)
    async def quote_resource(url: Url) -> ResourceQuote:
        """What an HTTP resource costs (x402). Nothing is paid; a free resource comes with its content."""
        return await _worded(resources.quote(url))

    @server.tool(annotations=_PAYS)
    async def pay_resource(order: Order, signature: Signature, url: Url) -> ResourceResult:
        """Pay for an HTTP resource (x402) and fetch it. The same order again never pays twice."""
        return await _worded(resources.pay(order, signature, url))


async def _signed(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except SignerRefused as error:
        lasting = PaymentRefused.INVALID if error.code in _LASTING else PaymentRefused.UNAVAILABLE
        refusal = PaymentRefused.KEY_CONFLICT if error.code == "conflict" else lasting
        raise ResourceError(refusal, f"the signer says {error.code}: {error}"[:500]) from error
    except SignerLost as error:
        raise ResourceError(PaymentRefused.UNAVAILABLE, str(error)) from error


async def _worded(answer: Awaitable[Answer]) -> Answer:
    try:
        return await answer
    except WalletError as error:
        raise ToolError(str(error)) from error
