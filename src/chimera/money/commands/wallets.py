"""Commands about wallets: what is in them, filling them, a token, a resource bought for an influencer."""

import uuid
from typing import Annotated

import typer
from pydantic import JsonValue

from chimera.cli.rooms import FIELDS, Room, Sent

Persona = Annotated[str, typer.Argument(help="Whose wallet.")]
Once = Annotated[
    str | None, typer.Option("--key", help="Idempotency key: the same one never pays twice; made up when left out.")
]

wallets = Room("The influencers' own wallets.")


@wallets.asks("show", "GET /v1/wallets/{persona}", FIELDS)
def show(persona: Persona) -> None:
    """Address and balances, by the chain's own word."""


@wallets.asks("fund", "POST /v1/wallets/{persona}/fund", FIELDS)
def fund(
    persona: Persona, amounts: Annotated[list[str], typer.Argument(help="Like '100 USDC' '0.1 ETH'.")]
) -> JsonValue:
    """Fill a wallet from the faucet of the embedded chain."""
    return {"amounts": [*amounts]}


@wallets.asks("sync", "POST /v1/wallets/{persona}/sync", FIELDS)
def sync(persona: Persona) -> None:
    """Book what has come into a wallet since the chain was last read."""


@wallets.asks("token", "POST /v1/wallets/{persona}/tokens", FIELDS)
def deploy_token(
    persona: Persona,
    name: Annotated[str, typer.Argument(help="Its full name.")],
    symbol: Annotated[str, typer.Argument(help="Up to 16 capital letters and digits.")],
    supply: Annotated[str, typer.Argument(help="How many there are, for ever.")],
    decimals: Annotated[int, typer.Option(min=0, max=18)] = 18,
    key: Once = None,
) -> Sent:
    """Make a token in the influencer's name; the chain's fee goes past the CFO like any spend."""
    return _once({"name": name, "symbol": symbol, "supply": supply, "decimals": decimals}, key)


@wallets.asks("buy", "POST /v1/wallets/{persona}/resources", FIELDS)
def buy(
    persona: Persona,
    url: Annotated[str, typer.Argument(help="An HTTP resource that is sold over x402.")],
    at_most: Annotated[str, typer.Argument(help="The most that it may cost, like '0.10 USDC'.")],
    key: Once = None,
) -> Sent:
    """Pay for a resource and fetch it."""
    return _once({"url": url, "at_most": at_most}, key)


def _once(body: JsonValue, key: str | None) -> Sent:
    return Sent(body, {"Idempotency-Key": key or str(uuid.uuid4())})
