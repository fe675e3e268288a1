"""Double entry: whatever moves, every transaction sums to zero, and what was paid is there once (FIN-3)."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.ids import new_id
from chimera.money.rules import accounts
from chimera.money.rules.accounts import Kind, Posting, Spender
from chimera.money.types.authorization import SpendOutcome

AGENT, CAMPAIGN = new_id(), new_id()
NORA = Spender(agent_id=AGENT, campaign_id=CAMPAIGN, category="ads", payee="0xA")
TENANT = Spender(agent_id=None, campaign_id=None, category="general", payee="0xA")
amounts = st.decimals("0.000001", 1_000_000, places=6)


def total(postings: Sequence[Posting]) -> Decimal:
    return sum((posting.amount for posting in postings), Decimal(0))


def booked(*steps: Sequence[Posting]) -> dict[str, Decimal]:
    """What every account has after these steps, without those that are even."""
    sums: Counter[str] = Counter()
    for posting in (posting for step in steps for posting in step):
        sums[posting.account.code] += posting.amount
    return {code: amount for code, amount in sums.items() if amount}


@given(amounts, amounts, st.sampled_from(SpendOutcome), st.sampled_from([NORA, TENANT]))
def test_every_movement_sums_to_zero(held: Decimal, paid: Decimal, outcome: SpendOutcome, who: Spender) -> None:
    source = accounts.wallet(who.agent_id)
    for postings in (
        accounts.reserving(who, held),
        accounts.closing(who, held, outcome, min(paid, held), source),
        accounts.closing(who, held, outcome, Decimal(0), source),
        accounts.receiving(AGENT, paid, "0xB", funding=True),
        accounts.receiving(AGENT, paid, "0xB", funding=False),
        accounts.disputing(who, paid, source),
        accounts.attributing(who, paid),
    ):
        assert len(postings) >= 2
        assert total(postings) == 0


def test_a_pending_transfer_is_set_aside_and_nothing_is_spent() -> None:
    after = booked(accounts.reserving(NORA, Decimal(50)))
    assert after == {f"reserved:{AGENT}:{CAMPAIGN}": 50, f"budget:{AGENT}:{CAMPAIGN}": -50}


@pytest.mark.parametrize(("paid", "expected"), [(Decimal(50), 50), (Decimal("0.3"), Decimal("0.3"))])
def test_a_posted_transfer_frees_what_was_held_and_books_what_was_paid(paid: Decimal, expected: Decimal) -> None:
    source = accounts.vendor("twitter-mcp")
    ended = accounts.closing(NORA, Decimal(50), SpendOutcome.POSTED, paid, source)
    after = booked(accounts.reserving(NORA, Decimal(50)), ended)
    assert after == {f"expense:ads:{AGENT}:{CAMPAIGN}": expected, "vendor:twitter-mcp": -expected}


@pytest.mark.parametrize("outcome", [SpendOutcome.VOIDED, SpendOutcome.EXPIRED])
def test_a_transfer_that_was_given_up_leaves_nothing_behind(outcome: SpendOutcome) -> None:
    ended = accounts.closing(NORA, Decimal(50), outcome, Decimal(50), accounts.wallet(AGENT))
    assert booked(accounts.reserving(NORA, Decimal(50)), ended) == {}


def test_a_posted_transfer_of_nothing_leaves_nothing_behind() -> None:
    ended = accounts.closing(NORA, Decimal(50), SpendOutcome.POSTED, Decimal(0), accounts.wallet(AGENT))
    assert booked(accounts.reserving(NORA, Decimal(50)), ended) == {}


def test_what_was_taken_beyond_the_amount_held_is_a_claim_and_no_expense() -> None:
    claim, source = accounts.disputing(NORA, Decimal(7), accounts.wallet(AGENT))
    assert (claim.account.code, claim.account.kind, claim.account.party) == ("disputed:0xA", Kind.ASSET, "0xA")
    assert (claim.amount, source.amount) == (7, -7)


def test_money_of_the_owner_is_funding_and_money_of_others_is_income() -> None:
    funded = accounts.receiving(AGENT, Decimal(5), "0xB", funding=True)
    earned = accounts.receiving(AGENT, Decimal(5), "0xB", funding=False)
    assert funded[0] == earned[0] == Posting(account=accounts.wallet(AGENT), amount=Decimal(5))
    assert (funded[1].account.code, funded[1].account.kind) == ("equity:funding", Kind.EQUITY)
    assert (earned[1].account.code, earned[1].account.kind) == (f"income:received:{AGENT}", Kind.INCOME)


def test_compute_becomes_the_cost_of_content_and_stays_the_same_sum() -> None:
    who = NORA.model_copy(update={"category": "compute"})
    after = booked(accounts.attributing(who, Decimal(120)))
    assert after == {f"expense:content:{AGENT}:{CAMPAIGN}": 120, f"expense:compute:{AGENT}:{CAMPAIGN}": -120}


def test_accounts_of_different_things_have_different_names() -> None:
    names = [
        accounts.wallet(AGENT),
        accounts.wallet(None),
        accounts.vendor("tenant"),
        accounts.expense(NORA),
        accounts.expense(NORA, "content"),
        accounts.expense(TENANT),
        accounts.expense(TENANT.model_copy(update={"campaign_id": CAMPAIGN})),
        *(posting.account for who in (NORA, TENANT) for posting in accounts.reserving(who, Decimal(1))),
    ]
    assert len({account.code for account in names}) == len(names)
