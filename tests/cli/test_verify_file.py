"""`chimera verify file`: offline, against the state folder's root or a given one; `chimera verify root` (PRV-5)."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.provenance.signed import plain, signed, stripped, tampered
from typer.testing import CliRunner, Result

from chimera.cli.main import app
from chimera.wiring import System
from chimera_credentials.authority import Authority
from chimera_credentials.signing import Claimant, FileSigner
from chimera_credentials.types import FileStatement, SourceType


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder that is not there yet."""
    monkeypatch.setenv("CHIMERA_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def verify(tmp_path: Path, content: bytes, *more: str) -> Result:
    file = tmp_path / "card.png"
    file.write_bytes(content)
    return CliRunner().invoke(app(), ["verify", "file", str(file), *more], env={"COLUMNS": "200"})


def test_a_good_file_is_good_under_the_state_folders_root(tmp_path: Path, state: Path) -> None:
    authority = Authority(state / "credentials")
    answer = verify(tmp_path, signed(tmp_path, plain(), authority))
    assert answer.exit_code == 0, answer.output
    assert "valid: The content is as it was signed" in answer.output
    assert json.loads(verify(tmp_path, (tmp_path / "card.png").read_bytes(), "--json").stdout)["state"] == "valid"


@pytest.mark.parametrize(("harm", "word"), [(tampered, "tampered"), (stripped, "stripped")])
def test_a_changed_or_stripped_file_is_not(tmp_path: Path, state: Path, harm: object, word: str) -> None:
    authority = Authority(state / "credentials")
    assert callable(harm)
    answer = verify(tmp_path, harm(signed(tmp_path, plain(), authority)))
    assert (answer.exit_code, f"{word}:" in answer.output) == (1, True)


def test_the_root_decides_and_may_be_somebody_elses(tmp_path: Path, state: Path) -> None:
    content = signed(tmp_path, plain(), Authority(state / "credentials"))
    other = tmp_path / "other.pem"
    other.write_text(Authority(tmp_path / "others").root_pem)
    answer = verify(tmp_path, content, "--root", str(other))
    assert (answer.exit_code, "untrusted:" in answer.output) == (1, True)
    assert verify(tmp_path, content, "--root", str(state / "credentials" / "root.pem")).exit_code == 0


@pytest.mark.parametrize("root", ["missing.pem", "empty.pem"])
def test_without_a_root_nothing_is_claimed_and_none_is_made(tmp_path: Path, state: Path, root: str) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    answer = verify(tmp_path, plain(), "--root", str(tmp_path / root))
    assert (answer.exit_code, isinstance(answer.exception, SystemExit)) == (1, True)
    assert verify(tmp_path, plain()).exit_code == 1
    assert not state.exists()


@pytest.mark.parametrize(("change", "code", "word"), [(("", ""), 0, "valid:"), (("long", "bad"), 1, "tampered:")])
def test_a_text_is_read_as_a_text(tmp_path: Path, state: Path, change: tuple[str, str], code: int, word: str) -> None:
    statement = FileStatement(
        asset_id="01a", soul_hash="a" * 64, model="composer", source_type=SourceType.ALGORITHMIC_MEDIA
    )
    signer = FileSigner(Authority(state / "credentials"), None, Claimant("Chimera", "0.1.0"))
    file = tmp_path / "essay.md"
    file.write_text(signer.sign_text("A long read.\r\nIn two lines.", statement).text.replace(*change), newline="")
    answer = CliRunner().invoke(app(), ["verify", "file", str(file)], env={"COLUMNS": "200"})
    assert (answer.exit_code, word in answer.output) == (code, True), answer.output


def test_a_file_that_is_none_is_named(tmp_path: Path, state: Path) -> None:
    Authority(state / "credentials")
    answer = CliRunner().invoke(app(), ["verify", "file", str(tmp_path / "none.png")])
    assert (answer.exit_code, "cannot be read" in answer.output) == (1, True)


async def test_the_root_is_printed_as_it_is(served: System) -> None:
    answer = await asyncio.to_thread(CliRunner().invoke, app(), ["verify", "root"])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout == served.authority.root_pem
