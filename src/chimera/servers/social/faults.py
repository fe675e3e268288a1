"""Faults on demand, for tests of those who call the network: the ways a real platform leaves one in doubt."""

import os
from dataclasses import dataclass
from enum import StrEnum

import anyio
from mcp.server.mcpserver.exceptions import ToolError

from chimera.servers.social.network import Network

VARIABLE = "CHIMERA_SOCIAL_FAULT"
HANG_SECONDS = 60
DEATH_STATUS = 70


class Mode(StrEnum):
    """What goes wrong with a writing call."""

    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    ERROR_500 = "error_500"
    DIE_AFTER_ACCEPT = "die_after_accept"
    DIE_BEFORE_ACCEPT = "die_before_accept"


@dataclass(frozen=True)
class Fault:
    """One mode for the first `times` writing calls, counted in the network's file across restarts."""

    mode: Mode
    times: int

    def before_accept(self, network: Network) -> None:
        """Fail before anything is written, if it is time to."""
        if self.mode is Mode.ERROR_500 and network.count(self.mode, self.times):
            raise ToolError("error_500: the platform failed (fault switch)")
        if self.mode is Mode.DIE_BEFORE_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)

    async def after_accept(self, network: Network) -> None:
        """Fail after the write is durable, if it is time to."""
        if self.mode is Mode.TIMEOUT_AFTER_ACCEPT and network.count(self.mode, self.times):
            await anyio.sleep(HANG_SECONDS)
        if self.mode is Mode.DIE_AFTER_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)


def parse(setting: str) -> Fault | None:
    """Read a switch such as "error_500:2"; an empty one is no fault.

    Raises:
        ValueError: The mode is unknown or the number is not from 1 to 1000.
    """
    if not setting:
        return None
    mode, _, times = setting.partition(":")
    if not times.isdecimal() or not 1 <= int(times) <= 1_000:
        raise ValueError(f"{VARIABLE} needs a number of calls from 1 to 1000")
    return Fault(Mode(mode), int(times))
