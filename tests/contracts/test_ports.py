"""Whoever says that it implements a port has its methods, with the same parameters."""

import inspect

import pytest

from chimera.contracts import ports
from chimera.gateways.models import ModelGateway
from chimera.stores.effects import EffectStore
from chimera.stores.fleet import FleetStore
from chimera.stores.memory import MemoryStore
from chimera.stores.money.treasury import Treasury
from chimera.stores.redis.pulse import RedisPulse
from chimera.stores.redis.queue import StreamQueue
from chimera.stores.tasks import Sweeper, TaskStore
from chimera.swarm.cfo import CfoJudge
from chimera.swarm.metering import MeteredModel

IMPLEMENTED = [
    (ports.Work, TaskStore),
    (ports.Effects, EffectStore),
    (ports.Treasury, Treasury),
    (ports.Memory, MemoryStore),
    (ports.Presence, FleetStore),
    (ports.Pulse, RedisPulse),
    (ports.Queue, StreamQueue),
    (ports.Sweep, Sweeper),
    (ports.Cfo, CfoJudge),
    (ports.Model, ModelGateway),
    (ports.PaidModel, MeteredModel),
]


def methods(kind: type) -> dict[str, list[str]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(call).parameters) for name, call in found if not name.startswith("_")}


@pytest.mark.parametrize(("port", "made"), IMPLEMENTED, ids=lambda kind: kind.__name__)
def test_an_implementation_has_every_method_of_its_port(port: type, made: type) -> None:
    wanted, given = methods(port), methods(made)
    assert wanted
    assert {name: given.get(name) for name in wanted} == wanted
