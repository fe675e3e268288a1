"""Faults on demand, for tests of those who call the network: the ways a real platform leaves one in doubt."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

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
    ERROR_429 = "error_429"
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
        if self.mode is Mode.ERROR_429 and network.count(self.mode, self.times):
            raise ToolError("error_429: too many requests (fault switch)")
        if self.mode is Mode.DIE_BEFORE_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)

    async def after_accept(self, network: Network) -> None:
        """Fail after the write is durable, if it is time to."""
        if self.mode is Mode.TIMEOUT_AFTER_ACCEPT and network.count(self.mode, self.times):
            await anyio.sleep(HANG_SECONDS)
        if self.mode is Mode.DIE_AFTER_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)


@dataclass(frozen=True)
class Switch:
    """Faults kept in a file, one to a line and read at every writing call: a test changes them while we serve."""

    path: Path

    def before_accept(self, network: Network) -> None:
        """Fail before anything is written, if it is time to."""
        for fault in self._faults():
            fault.before_accept(network)

    async def after_accept(self, network: Network) -> None:
        """Fail after the write is durable, if it is time to."""
        for fault in self._faults():
            await fault.after_accept(network)

    def _faults(self) -> Sequence[Fault]:
        text = ""
        with suppress(FileNotFoundError):
            text = self.path.read_text("utf-8")
        return [_fault(line) for line in text.split()]


def parse(setting: str) -> Fault | Switch | None:
    """Read a switch such as "error_500:2", or "@FILE" for a file of them; an empty one is no fault.

    Raises:
        ValueError: The mode is unknown or the number is not from 1 to 1000.
    """
    if setting.startswith("@"):
        return Switch(Path(setting[1:]))
    return _fault(setting) if setting else None


def _fault(setting: str) -> Fault:
    mode, _, times = setting.partition(":")
    if not times.isdecimal() or not 1 <= int(times) <= 1_000:
        raise ValueError(f"{VARIABLE} needs a number of calls from 1 to 1000")
    return Fault(Mode(mode), int(times))
