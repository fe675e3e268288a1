"""Time and CPU time of a stretch of work: of the process that does it, and of the servers behind it."""

import json
import os
import time

import psutil


class Meter:
    """Runs from when it is made; on a busy machine CPU time tells more than time."""

    def __init__(self) -> None:
        servers: dict[str, int] = json.loads(os.environ["BENCH_SERVERS"])
        worker = int(os.environ.get("BENCH_WORKER", os.getpid()))
        self._trees = {name: psutil.Process(pid) for name, pid in {"own": worker, **servers}.items()}
        self._before = {name: _spent(tree) for name, tree in self._trees.items()}
        self._begun = time.perf_counter()

    def read(self) -> dict[str, float]:
        """Seconds passed, and CPU seconds of `own`, `postgres` and `redis`."""
        seconds = time.perf_counter() - self._begun
        return {"seconds": seconds} | {name: _spent(tree) - self._before[name] for name, tree in self._trees.items()}

    def told(self, cycles: int) -> str:
        """The answer of a program that has run so many cycles."""
        read = self.read()
        found = {"per_second": cycles / read.pop("seconds")}
        return json.dumps(found | {f"{name}_ms": spent / cycles * 1_000 for name, spent in read.items()})


def _spent(tree: psutil.Process) -> float:
    """CPU seconds of a process and its children; those that have ended are counted by their parent."""
    mine = tree.cpu_times()
    spent = mine.user + mine.system + mine.children_user + mine.children_system
    for child in tree.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system
    return spent
