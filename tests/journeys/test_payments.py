"""Killed at any moment between authorisation and settlement, a payment is made once and booked once (FIN-6)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from tests.failpoints import VARIABLE
from tests.journeys.fleet import WALLET
from tests.journeys.paying import LIMITS, Street, Till, killed, new_address, publisher, till_on

from chimera.errors import Superseded, ToolFailed
from chimera.gateways.mcp.host import ToolHost
from chimera.money.service.paymaster import Paymaster
from chimera.money.types.limits import Limit
from chimera.publishing.types import Effect
from chimera.roles.publisher import Publisher
from chimera.settings import Settings
from chimera.wiring import tool_servers

pytestmark = pytest.mark.asyncio(loop_scope="session")

POINTS = ("fee_reserved", "ordered", "transferred", "booked", "acted")


@pytest_asyncio.fixture(loop_scope="session")
async def till(street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[Till]:
    async with till_on(street, settings, raw) as made:
        yield made


@pytest.mark.parametrize("point", POINTS)
async def test_a_publisher_that_is_killed_there_and_started_again_pays_once(
    till: Till, tmp_path: Path, point: str
) -> None:
    marker = tmp_path / "died"
    effect_id = await till.approved_spend()
    with publisher(till.system.settings, **{VARIABLE: f"{point}:{marker}"}) as process:
        await killed(process)
    assert marker.exists()
    if point == "transferred":  # the worst of them: money has moved, and no book says so
        await till.system.wallet_desk.sync(till.tenant_id, "Nora")
        assert "wallet.unexpected_payment" not in await till.actions()
        with publisher(till.system.settings, **{VARIABLE: f"{point}:{marker}"}):
            await till.reaches(effect_id, "done", "reconciled")
    else:
        async with till.publishing():
            await till.reaches(effect_id, "done", "reconciled")
    await till.paid_once(effect_id)


async def test_a_payment_that_was_ordered_and_then_cannot_be_made_fails_and_is_never_made_up_for(
    street: Street, till: Till
) -> None:
    """Its publisher is lost after the order; meanwhile somebody else empties the wallet."""
    effect = await till.begin(await till.approved_spend())
    assert till.system.paymaster is not None and effect.reservation_id is not None
    await till.system.paymaster._order(await till.system.wallets.due(effect.reservation_id), till.nora.agent_id)
    await till.system.effects.mark_unknown(effect, "its process was lost in mid-call", datetime.now(UTC))
    await street.move(await till.key(), new_address(), "1000 USDC")
    async with till.publishing():
        row = await till.reaches(effect.effect_id, "failed", "done", "reconciled")
    assert (row["status"], "insufficient_funds" in row["cause"]) == ("failed", True), row["cause"]
    await till.nothing_spent(emptied=True)


async def test_two_publishers_with_one_effect_in_hand_pay_it_once(till: Till) -> None:
    effect_id = await till.approved_spend()
    first = await till.begin(effect_id)
    await till.raw.execute("UPDATE effect SET status = 'authorised' WHERE effect_id = $1", effect_id)
    second = await till.begin(effect_id, redelivered=True)
    other, system = ToolHost(tool_servers(till.system.settings)), till.system
    assert system.chain is not None

    async def handle(host: ToolHost, effect: Effect) -> None:
        publisher = Publisher(system.effects, host, Paymaster(system.wallets, system.cfo, host, system.chain))
        try:
            await publisher.handle(effect)
        except (Superseded, ToolFailed) as error:  # what a bench does with an error
            with suppress(Superseded):
                await publisher.on_failure(effect, error, datetime.now(UTC))

    await asyncio.gather(handle(till.street.host, first), handle(other, second))
    await other.close()
    async with till.publishing():
        await till.reaches(effect_id, "done", "reconciled")
    await till.paid_once(effect_id)


async def test_one_reservation_that_four_ask_for_at_once_is_one_transfer(till: Till) -> None:
    effect = await till.begin(await till.approved_spend())
    assert till.system.paymaster is not None and effect.reservation_id is not None
    asked = (till.system.paymaster.pay(effect.reservation_id, effect.asset_id) for _ in range(4))
    told = [each for each in await asyncio.gather(*asked, return_exceptions=True) if isinstance(each, str)]
    assert len(set(told)) == 1
    assert await till.system.paymaster.pay(effect.reservation_id, effect.asset_id) == told[0]
    await Publisher(till.system.effects, till.street.host, till.system.paymaster).handle(effect)
    await till.paid_once(effect.effect_id)


async def test_a_wallet_that_is_short_of_money_fails_the_effect_and_frees_money_and_fee(
    street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async with till_on(street, settings, raw, funds=("10 USDC", "1 ETH")) as till:
        effect_id = await till.approved_spend()
        async with till.publishing():
            row = await till.reaches(effect_id, "failed", "done")
        assert "insufficient_funds" in row["cause"]
        assert "has 10 USDC to spend and needs 50 USDC" in row["cause"]
        assert [row["category"] for row in await till.reservations()] == ["general", "fees"]
        await till.nothing_spent()


async def test_the_example_address_of_the_contracts_is_authorised_and_then_refused_by_the_wallet(till: Till) -> None:
    till.payee = WALLET
    effect_id = await till.approved_spend()
    async with till.publishing():
        row = await till.reaches(effect_id, "failed", "done")
    assert "invalid: destination:" in row["cause"]
    (spend,) = await till.reservations()
    assert (spend["status"], json.loads(spend["answer"])["status"]) == ("voided", "authorized")
    await till.nothing_spent()


@pytest.mark.parametrize("fees", [[], [Limit(span="day", amount="0.000001 ETH")]], ids=["no limit", "a small limit"])
async def test_a_fee_that_the_limits_do_not_allow_stops_the_payment(
    street: Street, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]", fees: list[Limit]
) -> None:
    async with till_on(street, settings, raw, limits=[*LIMITS[:1], *fees]) as till:
        effect_id = await till.approved_spend()
        async with till.publishing():
            row = await till.reaches(effect_id, "failed", "done")
        assert "the CFO refused the chain's fee" in row["cause"]
        assert [row["status"] for row in await till.reservations()] == ["voided", "refused"]
        await till.nothing_spent()


@pytest.mark.parametrize("point", ["fee_reserved", "ordered"])
async def test_a_payment_whose_grant_runs_out_before_anything_is_signed_leaves_nothing_held(
    till: Till, point: str
) -> None:
    effect = await till.begin(await till.approved_spend())
    assert till.system.paymaster is not None and effect.reservation_id is not None
    due = await till.system.wallets.due(effect.reservation_id)
    if point == "ordered":
        await till.system.paymaster._order(due, till.nora.agent_id)
    else:
        await till.system.paymaster._reserve_fee(due, till.nora.agent_id, "0.001 ETH")
    await till.system.effects.retry(effect, "the signer was away", datetime.now(UTC))
    late = "UPDATE effect SET effect_grant = jsonb_set(effect_grant, '{expires_at}', '\"2020-01-01T00:00:00Z\"')"
    await till.raw.execute(late)
    async with till.publishing():
        row = await till.reaches(effect.effect_id, "failed", "done")
        assert row["cause"] == "the grant has expired"
        await till.nothing_spent()


async def test_what_the_platform_refuses_after_the_payment_stays_paid_and_is_seen(till: Till) -> None:
    till.post_id = "999999999"
    effect_id = await till.approved_spend()
    async with till.publishing():
        row = await till.reaches(effect_id, "failed", "done")
    assert (row["status"], "unknown_post" in row["cause"]) == ("failed", True)
    assert [row["status"] for row in await till.reservations()] == ["posted", "posted"]
    assert await till.street.balance(till.payee, "USDC") == 50
    assert {"payment.confirmed", "effect.failed"} <= set(await till.actions())
    await till.sound()
