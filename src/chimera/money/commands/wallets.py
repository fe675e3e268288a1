"""Commands about wallets: what is in them, filling them, a token, a resource bought for an influencer."""

import uuid
from typing import Annotated
from urllib.parse import quote

import typer
from pydantic import JsonValue

from chimera.cli.client import call, say

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Persona = Annotated[str, typer.Argument(help="Whose wallet.")]
Key = Annotated[str | None, typer.Option(help="Idempotency key: the same one never pays twice; made up when left out.")]

wallets = typer.Typer(help="The influencers' own wallets.", no_args_is_help=True)


@wallets.command("show")
def show_wallet(persona: Persona, as_json: AsJson = False) -> None:
    """Address and balances, by the chain's own word."""
    say(call("GET", _path(persona)), as_json)


@wallets.command("fund")
def fund(
    persona: Persona,
    amounts: Annotated[list[str], typer.Argument(help="Like '100 USDC' '0.1 ETH'.")],
    as_json: AsJson = False,
) -> None:
    """Fill a wallet from the faucet of the embedded chain."""
    given: list[JsonValue] = list(amounts)
    say(call("POST", _path(persona, "fund"), {"amounts": given}), as_json)


@wallets.command("sync")
def sync(persona: Persona, as_json: AsJson = False) -> None:
    """Book what has come into a wallet since the chain was last read."""
    say(call("POST", _path(persona, "sync")), as_json)


@wallets.command("token")
def deploy_token(
    persona: Persona,
    name: Annotated[str, typer.Argument(help="Its full name.")],
    symbol: Annotated[str, typer.Argument(help="Up to 16 capital letters and digits.")],
    supply: Annotated[str, typer.Argument(help="How many there are, for ever.")],
    decimals: Annotated[int, typer.Option(min=0, max=18)] = 18,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a token in the influencer's name; the chain's fee goes past the CFO like any spend."""
    wish: JsonValue = {"name": name, "symbol": symbol, "supply": supply, "decimals": decimals}
    say(call("POST", _path(persona, "tokens"), wish, _once(key)), as_json)


@wallets.command("buy")
def buy(
    persona: Persona,
    url: Annotated[str, typer.Argument(help="An HTTP resource that is sold over x402.")],
    at_most: Annotated[str, typer.Argument(help="The most that it may cost, like '0.10 USDC'.")],
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Pay for a resource and fetch it."""
    say(call("POST", _path(persona, "resources"), {"url": url, "at_most": at_most}, _once(key)), as_json)


def _path(persona: str, what: str = "") -> str:
    return f"/v1/wallets/{quote(persona, safe='')}{f'/{what}' if what else ''}"


def _once(key: str | None) -> dict[str, str]:
    return {"Idempotency-Key": key or str(uuid.uuid4())}
