"""The last look before a platform is asked sees what the grant was checked against when the effect was begun."""

from typing import Any

import pytest
from tests.house import SOUL

from chimera.errors import Halted
from chimera.values import EffectStatus


async def test_it_stops_what_was_granted_under_another_state_of_the_campaign(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, "operator:me")
    with pytest.raises(Halted):
        await house.system.effects.clear(effect)


async def test_it_stops_what_was_granted_to_another_version_of_the_persona(house: Any) -> None:
    made = await house.running()
    effect = await house.begin(await house.approved(made["a"]))
    await house.system.accounts.import_persona(house.tenant_id, SOUL.replace("calm", "loud"), "operator:me")
    with pytest.raises(Halted):
        await house.system.effects.clear(effect)


async def test_it_lets_go_on_what_was_begun_on_the_platform_or_is_paid_for(house: Any) -> None:
    made = await house.running(house.node("a"), house.node("pay", spend="50 USDC"))
    half = await house.begin(await house.approved(made["a"]))
    paid = await house.begin(await house.approve(await house.spend_piece(made["pay"])))
    await house.raw.execute("UPDATE reservation SET status = 'posted'")
    await house.lose_process()
    await house.system.campaigns.cancel(house.tenant_id, made.campaign_id, "operator:me")
    await house.system.effects.clear(paid)
    found = await house.begin(half.effect_id, redelivered=True)
    assert found.status is EffectStatus.UNKNOWN
    await house.system.effects.clear(found)
