"""What the wallet answers with, besides `contracts.money.payments`; and how it says no."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from chimera_protocol.payments import Movement


class PaymentRefused(StrEnum):
    """The first word of every error: with the first two it is pointless to try the same again."""

    INVALID = "invalid"
    KEY_CONFLICT = "key_conflict"
    UNAVAILABLE = "unavailable"


class WalletError(Exception):
    """It was not done: nothing was signed or broadcast by this call, nor will it be. Doubt is never an error here,
    it is a receipt that is not final."""

    def __init__(self, refusal: PaymentRefused, detail: str) -> None:
        super().__init__(f"{refusal}: {detail}")
        self.refusal = refusal


class WalletMessage(BaseModel):
    """A frozen value: an answer is a statement about the past."""

    model_config = ConfigDict(frozen=True)


class AccountAddress(WalletMessage):
    """Where an account's money is."""

    account: str
    address: str


class Balance(WalletMessage):
    """What an account has, by currency, as exact decimals: {"USDC": "12.5", "ETH": "0.9"}."""

    address: str
    balances: dict[str, str]


class FeeQuote(WalletMessage):
    """The most that a transaction would cost now besides its amount."""

    max_fee: str = Field(description='such as "0.0002 ETH"')
    gas: int
    max_fee_per_gas: int = Field(description="wei")


class MovementPage(WalletMessage):
    """Money to and from an account, oldest first; pass `next_block` on to read what comes after."""

    movements: list[Movement]
    next_block: int
