"""A check apart says what the check itself says, and survives whatever the file does to its reader."""

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from credential_setup import Media

from chimera_credentials.authority import Authority
from chimera_credentials.sandbox import CheckOrder, check
from chimera_credentials.signing import FileSigner
from chimera_credentials.types import CredentialState, FileStatement
from chimera_credentials.verifying import verify_file


def asked(path: Path, authority: Authority) -> CheckOrder:
    return CheckOrder(path=str(path), sha256=hashlib.sha256(path.read_bytes()).hexdigest(), root_pem=authority.root_pem)


@pytest.mark.parametrize("name", ["card.png", "card.jpg", "clip.mp4"])
async def test_it_says_what_the_check_says(
    name: str,
    media: Mapping[str, Media],
    signer: FileSigner,
    authority: Authority,
    statement: FileStatement,
    tmp_path: Path,
) -> None:
    target = tmp_path / name
    signer.sign_file(media[name].path, target, media[name].media_type, statement)
    for path in (target, media[name].path):
        assert await check(asked(path, authority)) == verify_file(path, authority.root_pem)


async def test_a_text_is_checked_too(signer: FileSigner, authority: Authority, statement: FileStatement) -> None:
    text = signer.sign_text("Said once.", statement).text
    verdict = await check(CheckOrder(text=text, sha256="0" * 64, root_pem=authority.root_pem))
    assert verdict.state is CredentialState.VALID


async def test_who_takes_too_long_is_stopped(media: Mapping[str, Media], authority: Authority) -> None:
    verdict = await check(asked(media["card.png"].path, authority), seconds=0.001)
    assert (verdict.state, "within" in verdict.reasons[0]) == (CredentialState.BROKEN, True)


@pytest.mark.parametrize(
    "harm", ["import os; os.abort()", "print('no verdict')", "raise SystemExit(3)", "print('x' * (5 << 20))"]
)
async def test_a_reader_that_dies_or_talks_nonsense_makes_a_broken_file(
    harm: str, media: Mapping[str, Media], authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = tmp_path / "python"
    reader.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{harm}"\n')
    reader.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(reader))
    verdict = await check(asked(media["card.png"].path, authority))
    assert verdict.state is CredentialState.BROKEN
    assert verdict.sha256 == asked(media["card.png"].path, authority).sha256


async def test_it_is_told_none_of_our_secrets(
    media: Mapping[str, Media], authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    reader = tmp_path / "python"
    reader.write_text(f"#!/bin/sh\nenv > {seen}\n")
    reader.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(reader))
    monkeypatch.setitem(os.environ, "CHIMERA_WALLET_PASSPHRASE", "open sesame")
    await check(asked(media["card.png"].path, authority))
    assert "PATH=" in seen.read_text()
    assert "sesame" not in seen.read_text()
