"""Wallets: what is in them, filling them on a laptop, a token, a resource bought for an influencer (FIN-6)."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import Field, JsonValue, StringConstraints

from chimera.api.auth import Anyone, Operator
from chimera.api.services import provided
from chimera.money.routes.money import Key
from chimera.money.service.wallets import WalletService
from chimera.money.types.authorization import PolicyViolation
from chimera.money.types.views import WalletView
from chimera_protocol.money import AmountText
from chimera_protocol.payments import PaymentReceipt
from chimera_protocol.wire import Name, Wire

router = APIRouter(prefix="/v1/wallets", tags=["wallets"])

Wallets = Annotated[WalletService, Depends(provided(WalletService))]


class Funding(Wire):
    """Money to put into a wallet from the embedded chain's faucet."""

    amounts: list[AmountText] = Field(min_length=1, max_length=5)


class TokenWish(Wire):
    """A token of a fixed supply."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    symbol: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,16}$")]
    supply: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,30}(\.[0-9]{1,18})?$")]
    decimals: int = Field(18, ge=0, le=18)


class ResourceWish(Wire):
    """An HTTP resource to pay for (x402), and the most that it may cost."""

    url: Annotated[str, StringConstraints(min_length=8, max_length=2_048)]
    at_most: AmountText


class Synced(Wire):
    """How many movements were new to the books."""

    booked: int


@router.get("/{persona}")
async def wallet(persona: Name, who: Anyone, wallets: Wallets) -> WalletView:
    """Address and balances, by the chain's own word."""
    return await wallets.show(who.tenant_id, persona)


@router.post("/{persona}/fund")
async def fund(persona: Name, funding: Funding, who: Operator, wallets: Wallets) -> WalletView:
    """Fill a wallet from the embedded chain's faucet; 422 on any other chain."""
    return await wallets.fund(who.tenant_id, persona, funding.amounts)


@router.post("/{persona}/sync")
async def sync(persona: Name, who: Operator, wallets: Wallets) -> Synced:
    """Book what has come into a wallet since the chain was last read."""
    return Synced(booked=await wallets.sync(who.tenant_id, persona))


@router.post("/{persona}/tokens", response_model=PaymentReceipt)
async def deploy_token(
    persona: Name, wish: TokenWish, key: Key, who: Operator, wallets: Wallets
) -> PaymentReceipt | JSONResponse:
    """Make a token in the influencer's name; the chain's fee goes past the CFO like any spend."""
    said = await wallets.deploy_token(who.tenant_id, persona, wish.model_dump(mode="json"), key)
    return JSONResponse(said.model_dump(mode="json"), said.status) if isinstance(said, PolicyViolation) else said


@router.post("/{persona}/resources", response_model=dict[str, JsonValue])
async def buy(
    persona: Name, wish: ResourceWish, key: Key, who: Operator, wallets: Wallets
) -> Mapping[str, JsonValue] | JSONResponse:
    """Pay for an HTTP resource out of the influencer's wallet and fetch it; the same key never pays twice."""
    said = await wallets.buy(who.tenant_id, persona, wish.url, wish.at_most, key)
    return JSONResponse(said.model_dump(mode="json"), said.status) if isinstance(said, PolicyViolation) else said
