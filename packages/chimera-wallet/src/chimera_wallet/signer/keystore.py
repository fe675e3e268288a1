"""The keys: one encrypted file (Ethereum's keystore, version 3) per account, made when first needed."""

import json
import os
import secrets
import threading
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_keyfile.keyfile import create_keyfile_json, decode_keyfile_json

from chimera_serving.journal import fsync_folder

MIN_PASSPHRASE = 8
_WORK = 2**16
"""scrypt's n, with r = 8 and p = 1: 64 MiB and about 0.25 s a guess."""


class KeystoreError(Exception):
    """A key cannot be had; the message says why, and never what the key or the passphrase is."""


class Keystore:
    """Keys by account ("tenant:agent"). A key that was opened stays in memory until the process ends."""

    def __init__(self, folder: Path, passphrase: str) -> None:
        """Open the folder, making it when missing.

        Raises:
            KeystoreError: The passphrase is too short or not the folder's, or the folder cannot be used.
        """
        if len(passphrase) < MIN_PASSPHRASE:
            raise KeystoreError(f"the passphrase on standard input has fewer than {MIN_PASSPHRASE} characters")
        self._folder = folder
        self._secret = passphrase.encode()
        self._open: dict[str, LocalAccount] = {}
        self._turn = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # One passphrase for all: without this file a typing error would go unnoticed until a key is needed.
            check = folder / "passphrase.json"
            if not check.exists():
                if any(folder.glob("*.json")):
                    raise KeystoreError(f"{check} is missing beside the keys; restore it from a backup")
                self._write(check, secrets.token_bytes(32))
            self._read(check)
        except OSError as error:
            raise KeystoreError(f"{folder} cannot be used: {error.strerror}") from error

    def account(self, name: str) -> LocalAccount:
        """The key of an account, made when there is none yet. KeystoreError when its file cannot be used."""
        with self._turn:
            if name not in self._open:
                path = self._folder / f"{name.replace(':', '_')}.json"
                try:
                    if path.exists():
                        self._open[name] = Account.from_key(self._read(path))
                    else:
                        made = Account.create()
                        self._write(path, bytes(made.key))
                        self._open[name] = made
                except OSError as error:
                    raise KeystoreError(f"{path.name} cannot be used: {error.strerror}") from error
            return self._open[name]

    def _read(self, path: Path) -> bytes:
        try:
            return decode_keyfile_json(json.loads(path.read_text("utf-8")), self._secret)
        except (ValueError, KeyError, TypeError, AttributeError, NotImplementedError) as error:
            raise KeystoreError(
                f"{path.name} does not open: the passphrase is wrong, or the file is damaged"
            ) from error

    def _write(self, path: Path, key: bytes) -> None:
        sealed = create_keyfile_json(key, self._secret, 3, "scrypt", _WORK)
        draft = path.with_suffix(".draft")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(sealed, file)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        fsync_folder(path.parent)
