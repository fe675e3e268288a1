"""Figures as Markdown, and what they were measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

from bench.arena import APART

PACKAGES = ("chimera", "asyncpg", "redis", "uvloop", "pydantic", "taskiq", "taskiq-redis", "dramatiq", "celery", "dbos",
    "psycopg")  # fmt: skip
PACKAGES_APART = ("arq", "redis", "langgraph", "langgraph-checkpoint-postgres", "psycopg")
QUIET_LOAD = 0.5
"""A load above this before the start means that somebody else was using the machine."""
NOT_QUIET = "NOT quiet: other work took turns on the cores, so rates and ratios waver; the CPU columns hold better"


def number(value: float | None, places: int = 0) -> str:
    """A figure for a table; a dash when there is none."""
    return "–" if value is None else f"{value:,.{places}f}"


def ratio(value: float | None, of: float | None) -> str:
    """How many times as much."""
    return "–" if value is None or not of else f"{value / of:.2f}"


def percent(value: float | None, of: float | None) -> str:
    """How much of it, in per cent."""
    return "–" if value is None or not of else f"{value / of * 100:.0f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column to the left and the others to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def surroundings(load: tuple[float, float, float], servers: Mapping[str, str], quick: bool) -> str:
    """Machine, load, versions: without them the figures mean nothing."""
    quiet = "quiet" if load[0] < QUIET_LOAD else NOT_QUIET
    lines = [
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {'quick run' if quick else 'whole run'}",
        f"- {_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB,"
        f" {platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}",
        f"- load before the start {load[0]:.2f}, {load[1]:.2f}, {load[2]:.2f} (1, 5, 15 minutes): {quiet}",
        f"- servers: {_listed(servers)}; loopback, durable settings (synchronous_commit on, appendfsync everysec)",
        f"- packages: {_listed({name: metadata.version(name) for name in PACKAGES})}",
        f"- in an environment of their own: {_listed(_apart())}",
    ]
    return "\n".join(lines)


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _apart() -> Mapping[str, str]:
    asked = "import json; from importlib.metadata import version; "
    asked += f"print(json.dumps({{name: version(name) for name in {PACKAGES_APART!r}}}))"
    answer = subprocess.run([str(APART), "-c", asked], capture_output=True, text=True, timeout=20, check=True)
    found: dict[str, str] = json.loads(answer.stdout)
    return found
