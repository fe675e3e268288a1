"""Whoever says that it implements a port has its methods, with the same parameters."""

import inspect

import pytest

from chimera.campaigns.ports import Plans
from chimera.campaigns.service import PlanService
from chimera.fleet.ports import ProcessRegistry
from chimera.fleet.service import FleetService
from chimera.gateways.models.composer.model import ComposerModel
from chimera.gateways.models.gateway import ModelGateway
from chimera.gateways.models.types import Model
from chimera.memory.ports import Memory
from chimera.memory.service import MemoryService
from chimera.money.ports import Cfo, TreasuryPort
from chimera.money.service.treasury import Treasury
from chimera.money.service.usage_billing import MeteredModel
from chimera.publishing.ports import Effects
from chimera.publishing.service import EffectService
from chimera.redis.activity import RedisActivity
from chimera.redis.queue import StreamQueue
from chimera.review.ports import Reviews
from chimera.review.service.judging import JudgingService
from chimera.roles.cfo import CfoJudge
from chimera.roles.ports import ActivityStatus, PaidModel
from chimera.tasks.ports import Queue, Sweep, Tasks
from chimera.tasks.service.sweeper import Sweeper
from chimera.tasks.service.work import WorkService

IMPLEMENTED = [
    (Tasks, WorkService),
    (Plans, PlanService),
    (Reviews, JudgingService),
    (Effects, EffectService),
    (TreasuryPort, Treasury),
    (Memory, MemoryService),
    (ProcessRegistry, FleetService),
    (ActivityStatus, RedisActivity),
    (Queue, StreamQueue),
    (Sweep, Sweeper),
    (Cfo, CfoJudge),
    (Model, ComposerModel),
    (Model, ModelGateway),
    (PaidModel, MeteredModel),
]


def methods(kind: type) -> dict[str, list[str]]:
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(call).parameters) for name, call in found if not name.startswith("_")}


@pytest.mark.parametrize(("port", "made"), IMPLEMENTED, ids=lambda kind: kind.__name__)
def test_an_implementation_has_every_method_of_its_port(port: type, made: type) -> None:
    wanted, given = methods(port), methods(made)
    assert wanted
    assert {name: given.get(name) for name in wanted} == wanted
