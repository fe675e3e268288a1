"""The chain as the wallet reads it, where the tools' own tests do not look."""

import hashlib

import pytest

from chimera_wallet.ledger import ChainView
from chimera_wallet.messages import WalletError
from chimera_wallet.rpc import Rpc, RpcRefused
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.orders import Payload

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"
NONCE = "0x" + hashlib.sha256(b"order").hexdigest()


@pytest.fixture
def view(embedded) -> ChainView:
    return ChainView(Rpc(embedded.url), {"USDC": embedded.token})


async def test_an_unused_authorisation_is_not_found(view: ChainView, embedded) -> None:
    assert not await view.authorisation_used(embedded.token, FRIEND, NONCE)
    assert await view.authorisation_log(embedded.token, FRIEND, NONCE, 100) is None


async def test_what_would_fail_has_no_price_unless_one_falls_back(view: ChainView, embedded) -> None:
    poor = Payload(embedded.token, 0, contract.transfer(FRIEND, 10**12))
    stranger = "0x" + "11" * 20
    with pytest.raises(RpcRefused, match="reverted: balance too small"):
        await view.fees(stranger, poor)
    fees = await view.fees(stranger, poor, fallback_gas=100_001)
    assert fees.gas == 120_002
    assert fees.total == fees.gas * fees.max_fee_per_gas
    assert fees.tip <= fees.lowest <= fees.max_fee_per_gas


async def test_an_address_that_is_no_token_is_noticed(embedded) -> None:
    with pytest.raises(RpcRefused, match="is the token's address right"):
        await ChainView(Rpc(embedded.url), {"USDC": FRIEND}).balances(FRIEND)
    with pytest.raises(WalletError, match="it is not EUR"):
        await ChainView(Rpc(embedded.url), {"EUR": embedded.token}).balances(FRIEND)
