"""Services are found by their type, are made when they are first asked for, and a missing one is named."""

import pytest

from chimera.api.services import Services
from chimera.audit.service.log import LogService
from chimera.wiring import System
from chimera.wiring.api import offered


class Lamp:
    """Something to be found."""


def test_a_service_is_made_when_it_is_asked_for() -> None:
    made: list[Lamp] = []

    def make() -> Lamp:
        made.append(Lamp())
        return made[-1]

    services = Services()
    services.offer(Lamp, make)
    assert made == []
    assert services.get(Lamp) is made[0]


def test_what_nobody_offers_is_named() -> None:
    with pytest.raises(LookupError, match="nobody offers a Lamp"):
        Services().get(Lamp)


async def test_a_part_that_is_put_in_another_ones_place_is_found(system: System) -> None:
    services = offered(system)
    other = LogService(system.swarm, system.tenants)
    system.transparency = other
    assert services.get(LogService) is other
