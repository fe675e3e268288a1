"""Faults on demand, the network's own option `--fault`: the ways in which a real platform leaves its callers in doubt.

They are part of what is simulated. The network is a toy platform, and whoever starts it says what goes wrong.
"""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import anyio
from mcp.server.mcpserver.exceptions import ToolError

from chimera_devnet.social.network import Network

HANG_SECONDS = 60
DEATH_STATUS = 70
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,3})?")


class Mode(StrEnum):
    """What goes wrong with a writing call."""

    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    ERROR_500 = "error_500"
    ERROR_429 = "error_429"
    DIE_AFTER_ACCEPT = "die_after_accept"
    DIE_BEFORE_ACCEPT = "die_before_accept"
    PARTIAL_THREAD = "partial_thread"
    PARTIAL_DIE = "partial_die"


_CUTS = frozenset({Mode.PARTIAL_THREAD, Mode.PARTIAL_DIE})
"""Modes in which only the first half of a thread is taken."""


@dataclass(frozen=True)
class Fault:
    """One mode for the first `times` writing calls, counted in the network's file across restarts.

    With `retry_after` a refusal for too many requests says for how many seconds it holds.
    """

    mode: Mode
    times: int
    retry_after: str = ""

    def before_accept(self, network: Network) -> None:
        """Fail before anything is written, if it is time to."""
        if self.mode is Mode.ERROR_500 and network.count(self.mode, self.times):
            raise ToolError("error_500: the platform failed (fault switch)")
        if self.mode is Mode.ERROR_429 and network.count(self._counter, self.times):
            told = f", retry_after: {self.retry_after}" if self.retry_after else ""
            raise ToolError(f"error_429: too many requests{told} (fault switch)")
        if self.mode is Mode.DIE_BEFORE_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)

    def cut(self, network: Network, posts: int) -> Mode | None:
        """The mode in which a thread of so many posts is cut in half, if it is time to."""
        due = self.mode in _CUTS and posts > 1 and network.count(self.mode, self.times)
        return self.mode if due else None

    async def after_accept(self, network: Network, cut: Mode | None = None) -> None:
        """Fail after the write is durable, if it is time to; `cut` is how it was cut in half, if it was."""
        if self.mode is Mode.TIMEOUT_AFTER_ACCEPT and network.count(self.mode, self.times):
            await anyio.sleep(HANG_SECONDS)
        if self.mode is Mode.DIE_AFTER_ACCEPT and network.count(self.mode, self.times):
            os._exit(DEATH_STATUS)
        if self.mode is Mode.PARTIAL_DIE and cut is self.mode:
            os._exit(DEATH_STATUS)

    @property
    def _counter(self) -> str:
        """Refusals that say for how long they hold are counted apart from the others."""
        return f"{self.mode}:{self.retry_after}" if self.retry_after else self.mode


@dataclass(frozen=True)
class Switch:
    """Faults kept in a file, one to a line and read at every writing call: a test changes them while we serve."""

    path: Path

    def before_accept(self, network: Network) -> None:
        """Fail before anything is written, if it is time to."""
        for fault in self._faults():
            fault.before_accept(network)

    def cut(self, network: Network, posts: int) -> Mode | None:
        """The mode in which a thread of so many posts is cut in half, if it is time to."""
        return next((mode for fault in self._faults() if (mode := fault.cut(network, posts)) is not None), None)

    async def after_accept(self, network: Network, cut: Mode | None = None) -> None:
        """Fail after the write is durable, if it is time to; `cut` is how it was cut in half, if it was."""
        for fault in self._faults():
            await fault.after_accept(network, cut)

    def _faults(self) -> Sequence[Fault]:
        text = ""
        with suppress(FileNotFoundError):
            text = self.path.read_text("utf-8")
        return [_fault(line) for line in text.split()]


def parse(setting: str) -> Fault | Switch | None:
    """Read a switch such as "error_500:2", "error_429:2:0.4" with the seconds that it holds, or "@FILE" for a file of
    them; an empty one is no fault.

    Raises:
        ValueError: The mode is unknown, the number is not from 1 to 1000, or another mode than a 429 has seconds.
    """
    if setting.startswith("@"):
        return Switch(Path(setting[1:]))
    return _fault(setting) if setting else None


def _fault(setting: str) -> Fault:
    name, _, rest = setting.partition(":")
    times, _, seconds = rest.partition(":")
    if not times.isdecimal() or not 1 <= int(times) <= 1_000:
        raise ValueError("--fault needs a number of calls from 1 to 1000")
    mode = Mode(name)
    if seconds and (mode is not Mode.ERROR_429 or _SECONDS.fullmatch(seconds) is None):
        raise ValueError("--fault says seconds for error_429 only, such as error_429:2:0.4")
    return Fault(mode, int(times), seconds)
