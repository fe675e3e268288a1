"""Role processes that can be killed, frozen and woken; what died is started again, as a supervisor does."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from chimera.settings import Settings

ROOT = Path(__file__).parents[2]
NURSERY = Path(__file__).with_name("fork_server.py")
BOUND_S = 60.0
KILLED = -signal.SIGKILL


@dataclass
class Hand:
    """One role process, and the ones that follow it after its death."""

    name: str
    role: str
    env: Mapping[str, str]
    log: Path
    pid: int = 0
    codes: list[int] = field(default_factory=list)

    def signal(self, number: int) -> bool:
        """Send a signal; False when there is nobody to receive it."""
        with suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, number)
                return True
        return False

    @property
    def frozen(self) -> bool:
        """Whether the process stands still."""
        with suppress(psutil.NoSuchProcess):
            return self.pid != 0 and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        return False

    def said(self, words: str) -> bool:
        """Whether its log has these words."""
        return self.log.exists() and words in self.log.read_text("utf-8", "replace")

    def tail(self, lines: int = 25) -> str:
        """The last lines of its log."""
        text = self.log.read_text("utf-8", "replace") if self.log.exists() else ""
        told = [line for line in text.splitlines() if line.startswith("{") and '"outcome": "ok"' not in line]
        return "\n".join(f"    {line[:300]}" for line in told[-lines:])


class Crew:
    """Hands by name, all born from one nursery."""

    def __init__(self) -> None:
        self.hands: dict[str, Hand] = {}
        self._living: dict[int, Hand] = {}
        self.changed = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()

    async def open(self) -> None:
        """Start the nursery and wait until it has learnt the program."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(NURSERY)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        await asyncio.wait_for(self._ready.wait(), BOUND_S)

    async def close(self) -> None:
        """Kill everybody."""
        assert self._process is not None and self._process.stdin is not None and self._reader is not None
        self._reader.cancel()
        self._process.stdin.close()
        await asyncio.wait_for(self._process.wait(), BOUND_S)

    async def add(self, name: str, role: str, settings: Settings, **env: str) -> Hand:
        """A new hand, at work; once it has died it is followed by another one with the same settings."""
        logs = settings.state / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        told = {key: value for key, value in settings.environment().items() if key.startswith("CHIMERA_")}
        hand = self.hands[name] = Hand(name, role, {**told, **env}, logs / f"{name}.log")
        self._order(hand)
        await self.until(lambda: hand.pid != 0)
        return hand

    async def dismiss(self) -> None:
        """End all hands for good."""
        hands, self.hands = self.hands, {}
        for hand in hands.values():
            hand.signal(signal.SIGKILL)
        await self.until(lambda: not any(hand.pid for hand in hands.values()))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Until somebody's birth or death has made it so."""
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(holds), BOUND_S)

    def unexpected(self) -> list[str]:
        """Who died by itself."""
        return [f"{hand.name}: {hand.codes}" for hand in self.hands.values() if set(hand.codes) - {KILLED}]

    def tails(self) -> str:
        """The end of all logs."""
        return "\n".join(f"  {hand.log.name}:\n{hand.tail()}" for hand in self.hands.values())

    def _order(self, hand: Hand) -> None:
        assert self._process is not None and self._process.stdin is not None
        order = {"name": hand.name, "role": hand.role, "log": str(hand.log), "env": dict(hand.env)}
        self._process.stdin.write(f"{json.dumps(order)}\n".encode())

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            async with self.changed:
                if "ready" in said:
                    self._ready.set()
                elif "born" in said:
                    self._born(said["born"], said["pid"])
                else:
                    self._died(said["died"], said["pid"], said["code"])
                self.changed.notify_all()

    def _born(self, name: str, pid: int) -> None:
        hand = self.hands.get(name)
        if hand is not None:
            hand.pid = pid
            self._living[pid] = hand

    def _died(self, name: str, pid: int, code: int) -> None:
        hand = self._living.pop(pid)
        hand.pid = 0
        hand.codes.append(code)
        if self.hands.get(name) is hand:
            self._order(hand)
