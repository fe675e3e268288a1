"""Keys are made once, encrypted, for their owner alone, and open with their passphrase only."""

import json
from pathlib import Path

import pytest

from chimera_wallet.signer.keystore import Keystore, KeystoreError

ACCOUNT = "00000000-0000-0000-0000-000000000001:00000000-0000-0000-0000-000000000002"
PASSPHRASE = "correct horse battery staple"


def test_a_key_is_made_once_and_opens_again(tmp_path: Path) -> None:
    made = Keystore(tmp_path / "keys", PASSPHRASE).account(ACCOUNT)
    store = Keystore(tmp_path / "keys", PASSPHRASE)
    assert store.account(ACCOUNT).key == made.key
    assert store.account(ACCOUNT) is store.account(ACCOUNT)
    assert store.account(ACCOUNT.replace("1:", "3:")).address != made.address
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert made.key.hex() not in path.read_text()
        assert json.loads(path.read_text())["crypto"]["kdf"] == "scrypt"


def test_another_passphrase_opens_nothing(tmp_path: Path) -> None:
    Keystore(tmp_path, PASSPHRASE)
    with pytest.raises(KeystoreError, match="the passphrase is wrong") as caught:
        Keystore(tmp_path, "incorrect horse")
    assert "incorrect horse" not in str(caught.value)
    with pytest.raises(KeystoreError, match="fewer than 8 characters"):
        Keystore(tmp_path, "short")


def test_a_folder_that_has_lost_something_is_not_used(tmp_path: Path) -> None:
    store = Keystore(tmp_path / "keys", PASSPHRASE)
    store.account(ACCOUNT)
    (tmp_path / "keys" / "passphrase.json").unlink()
    with pytest.raises(KeystoreError, match="restore it from a backup"):
        Keystore(tmp_path / "keys", PASSPHRASE)
    (tmp_path / "file").touch()
    with pytest.raises(KeystoreError, match="cannot be used"):
        Keystore(tmp_path / "file", PASSPHRASE)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 3, "crypto": {}}'])
def test_a_damaged_key_is_not_replaced(tmp_path: Path, text: str) -> None:
    store = Keystore(tmp_path, PASSPHRASE)
    path = tmp_path / f"{ACCOUNT.replace(':', '_')}.json"
    path.write_text(text)
    with pytest.raises(KeystoreError, match="does not open"):
        store.account(ACCOUNT)
    assert path.read_text() == text
