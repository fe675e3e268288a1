"""Where the CPU time goes: a sampler on the process's own CPU clock, which waiting and other programs do not move."""

import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SAMPLE_SECONDS = 0.001
ROWS = 40


class Samples:
    """How often each function was at work itself, and how often it or what it called was."""

    def __init__(self) -> None:
        self._own: Counter[str] = Counter()
        self._whole: Counter[str] = Counter()
        self._total = 0

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Sample meanwhile."""
        before = signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def told(self) -> str:
        """Shares of the CPU time: by function with what it called (Chimera's alone), and by function alone."""
        ours = Counter({name: count for name, count in self._whole.items() if "chimera" in name})
        return f"{self._list('with what it called', ours)}\n\n{self._list('alone', self._own)}"

    def _take(self, signum: int, frame: FrameType | None) -> None:
        self._total += 1
        seen = set()
        if frame is not None:
            self._own[_name(frame)] += 1
        while frame is not None:
            seen.add(_name(frame))
            frame = frame.f_back
        self._whole.update(seen)

    def _list(self, title: str, counts: Counter[str]) -> str:
        lines = [f"{count / self._total:7.1%}  {name}" for name, count in counts.most_common(ROWS)]
        return "\n".join([f"{title}, of {self._total} samples:", *lines])


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{'/'.join(Path(code.co_filename).parts[-3:])}:{code.co_qualname}"
