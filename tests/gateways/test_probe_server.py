"""The process that measures answers a line with a line, within its bounds, and ends when nobody asks."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from chimera.gateways.probe_client import ProbeAnswer, ProbeRequest

IDLE = "import sys; from chimera.gateways.probe_server import main; sys.exit(main({idle}))"
BOUNDED = """
import os, resource
from chimera.gateways import probe_server
probe_server.main(0)
probe_server._bound_computing(20)
print(*(resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_AS)))
used, allowed = resource.getrusage(resource.RUSAGE_SELF), resource.getrlimit(resource.RLIMIT_CPU)[0]
print(80 <= allowed - used.ru_utime - used.ru_stime <= 83)
"""


@pytest.fixture
def server() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "chimera.gateways.probe_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def said(server: "subprocess.Popen[str]", path: Path, seconds: float = 20) -> ProbeAnswer:
    assert server.stdin is not None and server.stdout is not None
    server.stdin.write(ProbeRequest(path=str(path), seconds=seconds).model_dump_json() + "\n")
    server.stdin.flush()
    return ProbeAnswer.model_validate_json(server.stdout.readline())


def test_it_answers_for_one_file_after_the_other(server: "subprocess.Popen[str]", tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(path := tmp_path / "card.png")
    (tmp_path / "note.png").write_text("hello")
    facts = said(server, path).facts
    assert facts is not None and facts.resolution == "40x30"
    assert said(server, tmp_path / "missing.png").missing
    assert "not an intact media file" in said(server, tmp_path / "note.png").detail
    assert said(server, path).facts == facts


def test_it_ends_with_its_input(server: "subprocess.Popen[str]") -> None:
    assert server.stdin is not None
    server.stdin.close()
    assert server.wait(20) == 0


def test_it_ends_when_nobody_asks() -> None:
    command = [sys.executable, "-c", IDLE.format(idle=0.05)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(20) == 0


def test_what_it_may_take_is_bounded() -> None:
    told = subprocess.run(
        [sys.executable, "-c", BOUNDED], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert told.stdout.split() == ["ready", "0", "0", str(2 << 30), "True"], told.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 0
