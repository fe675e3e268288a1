"""Roles at work in this process: each with its own consumer, and the chores that keep a fleet alive beside them."""

import asyncio
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import assert_never
from uuid import UUID

from chimera.audit.service.sealing import Sealer
from chimera.audit.types import Sealed
from chimera.fleet.types.processes import ProcessHeartbeat
from chimera.ids import new_id
from chimera.roles.consumer import (
    Consumer,
    Handler,
    Item,
    retry_until_available,
    run_heartbeat,
    run_sealer,
    run_sweeper,
)
from chimera.tasks.service.sweeper import Sweeper
from chimera.values import Role
from chimera.wiring.role_process import RoleProcess

SEAL_EVERY = 2.0
"""Seconds between two looks at what is not in the transparency log yet."""


async def serve_apart(system: RoleProcess, roles: Sequence[Role], stopping: asyncio.Event) -> None:
    """A role process from its start to its end; it waits for services that are not there yet."""
    try:
        await retry_until_available(system.open, stopping)
        await serve(system, roles, stopping)
    finally:
        await system.close()


async def serve(system: RoleProcess, roles: Sequence[Role], stopping: asyncio.Event) -> None:
    """Work in these roles until `stopping`, then finish what is in hand."""
    name = ",".join(roles)
    process = ProcessHeartbeat(process_id=new_id(), role=name, host=socket.gethostname(), pid=os.getpid())
    given, fleet = system.settings, system.fleet
    await retry_until_available(partial(fleet.mark, process), stopping)
    helpers = asyncio.Event()
    background = [
        asyncio.create_task(run_heartbeat(fleet, process, min(1.0, given.lease_seconds / 3), helpers)),
        asyncio.create_task(run_sealer(_Sealing(system, process.process_id), SEAL_EVERY, helpers)),
        asyncio.create_task(run_sweeper(_AllDue(system, process.process_id), 1.0, helpers)),
    ]
    if Role.PUBLISHER in roles:
        background.append(asyncio.create_task(_anchor(system, helpers)))
    try:
        await asyncio.gather(*(_stand(system, role, process.process_id, stopping) for role in roles))
    finally:
        helpers.set()
        await asyncio.wait(background, timeout=3)


async def _anchor(of: RoleProcess, stopping: asyncio.Event) -> None:
    """Publishers do it, whose wallet server is open anyway."""
    from chimera.wiring.anchoring import keep_on_chain

    await keep_on_chain([Role.PUBLISHER], of.settings, of.host, of.transparency, of.cfo, stopping)


async def _stand(of: RoleProcess, role: Role, process_id: UUID, stopping: asyncio.Event) -> None:
    match role:
        case Role.PLANNER:
            from chimera.roles.planner import Planner

            planner = Planner(of.work, of.plans, of.paid_model, of.tools, of.pulse, of.makers)
            await _consumer(of, planner, process_id).run(stopping)
        case Role.WORKER:
            from chimera.roles.worker import Worker

            given = of.work, of.plans, of.judging, of.paid_model, of.tools, of.memory
            worker = Worker(*given, of.cfo, of.pulse, of.gallery)
            await _consumer(of, worker, process_id).run(stopping)
        case Role.JUDGE:
            from chimera.roles.judge import Judge

            judge = Judge(of.work, of.plans, of.judging, of.paid_model, of.tools, of.signer, of.pulse, of.gallery)
            await _consumer(of, judge, process_id).run(stopping)
        case Role.PUBLISHER:
            from chimera.roles.publisher import Publisher

            publisher = Publisher(of.effects, of.host, of.paymaster, of.shelf)
            await _consumer(of, publisher, process_id).run(stopping)
        case _:
            assert_never(role)


def _consumer(of: RoleProcess, handler: Handler[Item], process_id: UUID) -> Consumer[Item]:
    given = of.settings
    return Consumer(handler, of.queue, process_id, width=given.concurrency, lease_seconds=given.lease_seconds)


class _Sealing:
    """Seals the log, and says so to whoever asks for the fleet's health."""

    def __init__(self, system: RoleProcess, process_id: UUID) -> None:
        self._sealer = Sealer(system.swarm, system.log_key)
        self._fleet = system.fleet
        self._process_id = process_id

    async def seal(self) -> Sealed:
        """Take what has happened into the log; a log that does not hold is left as it is, and named."""
        sealed = await self._sealer.seal()
        if not sealed.broken:
            await self._fleet.sealed(self._process_id)
        return sealed


class _AllDue:
    """Everything that falls due by itself, swept by one process at a time."""

    def __init__(self, system: RoleProcess, process_id: UUID) -> None:
        lease_seconds = system.settings.lease_seconds
        self._tasks = Sweeper(system.swarm, lease_seconds=lease_seconds)
        self._fleet = system.fleet
        self._process_id = process_id
        self._effects = system.effects
        self._treasury = system.treasury
        self._wallets = system.wallets
        self._judging = system.judging
        self._quality = system.quality
        self._lease = lease_seconds

    async def sweep(self) -> None:
        """Bring to the queues what is due; nothing while another process is at it."""
        if not await self._tasks.sweep():
            return
        await self._judging.escalate()
        await self._effects.sweep(self._lease)
        await self._treasury.tidy()
        await self._wallets.tidy()
        await self._quality.draw()
        await self._fleet.swept(self._process_id)
