"""The signer as a process: its socket, its death, and that it gives nothing away."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from eth_keyfile import decode_keyfile_json
from tests.failpoints import VARIABLE

from chimera_wallet.signer.__main__ import main
from chimera_wallet.signer.socket_server import MAX_LINE

TOKEN = "0xde709f2102306220921060314715629080e2fb77"
CHAIN = {"nonce": 0, "gas": 90_000, "max_fee_per_gas": 10**9, "max_priority_fee_per_gas": 1}
PASSPHRASE = "correct horse battery staple"


@pytest.fixture(scope="module")
def signer(new_signer):
    return new_signer(TOKEN)


def sign(signer, cfo, order: dict[str, object], **changed: object) -> dict[str, object]:
    return signer.ask("sign_transaction", **{"order": order, "signature": cfo.sign(order), "chain": CHAIN, **changed})


def test_it_signs_finds_and_lists_over_its_socket(signer, cfo, account: str) -> None:
    order = cfo.order(account)
    signed = sign(signer, cfo, order)
    assert signed["address"] == signer.ask("address", account=account)["address"]
    assert signed["replayed"] is False
    assert sign(signer, cfo, order) == {**signed, "replayed": True}
    found = signer.ask("find", order_id=str(order["order_id"]).upper())
    assert (found["found"], found["raw"], found["order"]) == (True, signed["raw"], order)
    assert [one["raw"] for one in signer.ask("unconfirmed", account=account, nonce=0)["transactions"]] == [
        signed["raw"]
    ]
    assert signer.socket.stat().st_mode & 0o777 == 0o600
    assert all(path.stat().st_mode & 0o077 == 0 for path in signer.state.rglob("*"))


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "keys"},
        {"method": "address", "account": "../../../etc/passwd"},
        {"method": "address", "account": "A" * 73},
        {"method": "find", "order_id": "x"},
        {"method": "unconfirmed", "account": "0" * 36 + ":" + "0" * 36, "nonce": -1},
        {"method": "sign_transaction", "order": {}, "signature": "", "chain": {**CHAIN, "gas": 1}},
        {"method": "sign_transaction", "order": {}, "signature": "", "chain": {**CHAIN, "nonce": "0"}},
        {"method": "sign_authorization", "order": {}, "signature": "", "domain": {"name": "", "version": "2"}},
    ],
)
def test_a_request_that_makes_no_sense_is_a_typed_error(signer, request_: dict[str, object]) -> None:
    error = signer.ask(**request_)["error"]
    assert error["code"] == "invalid"
    assert error["message"]
    assert error["remedy"]


def test_a_refusal_is_a_typed_error(signer, cfo, account: str) -> None:
    order = cfo.order(account)
    assert sign(signer, cfo, order, signature="a..b")["error"]["code"] == "unauthorised"
    assert sign(signer, cfo, cfo.order(account, chain_id=7))["error"]["code"] == "wrong_chain"


def test_a_line_without_end_is_turned_away_and_others_are_served(signer, account: str) -> None:
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(signer.socket))
        line.sendall(b"x" * (MAX_LINE + 10) + b"\n")
        assert "at most" in json.loads(line.makefile().readline())["error"]["message"]
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(signer.socket))
        line.sendall(b"not json\n\xff\n")
        answers = line.makefile()
        assert [json.loads(answers.readline())["error"]["code"] for _ in range(2)] == ["invalid", "invalid"]
    assert "address" in signer.ask("address", account=account)


def test_killed_between_signing_and_answering_it_gives_the_same_bytes_later(
    new_signer, cfo, account: str, end, tmp_path: Path
) -> None:
    signer = new_signer(TOKEN, started=False)
    signer.start(**{VARIABLE: f"signature_kept:{tmp_path / 'died'}"})
    order = cfo.order(account)
    with pytest.raises((EOFError, ConnectionError)):
        sign(signer, cfo, order)
    assert signer.process.wait(timeout=5) == -signal.SIGKILL
    end(signer.process)
    with (signer.state / "signed.jsonl").open("ab") as file:
        file.write(b'{"order_id":"torn')
    signer.start(CHIMERA_PARENT_PID=str(os.getpid()))
    found = signer.ask("find", order_id=order["order_id"])
    again = sign(signer, cfo, order)
    assert (again["raw"], again["replayed"]) == (found["raw"], True)
    assert sign(signer, cfo, cfo.order(account))["nonce"] == 1
    signer.process.terminate()
    assert signer.process.wait(timeout=5) == 0
    assert not signer.socket.exists()
    end(signer.process)


def test_neither_keys_nor_the_passphrase_leave_the_process(new_signer, cfo, account: str, end) -> None:
    signer = new_signer(TOKEN, started=False)
    signer.start()
    order = cfo.order(account)
    answers = [
        signer.ask("address", account=account),
        sign(signer, cfo, order),
        sign(signer, cfo, order, signature="a..b"),
        sign(signer, cfo, cfo.order(account, destination="x")),
        signer.ask("find", order_id=order["order_id"]),
        signer.ask("unconfirmed", account=account, nonce=0),
        signer.ask("nothing", account=account),
    ]
    wrong = run(signer.arguments, "a wrong passphrase")
    line = Path(f"/proc/{signer.process.pid}/cmdline").read_bytes()
    environment = Path(f"/proc/{signer.process.pid}/environ").read_bytes()
    signer.process.terminate()
    said = signer.process.communicate(timeout=10)[0]
    (sealed,) = [path for path in (signer.state / "keys").glob("*.json") if account[:36] in path.name]
    key = decode_keyfile_json(json.loads(sealed.read_text()), PASSPHRASE.encode())
    kept = [path.read_bytes() for path in signer.state.rglob("*") if path.is_file()]
    errors = (signer.state.parent / "signer.err").read_bytes()
    everything = b"\n".join(
        [json.dumps(answers).encode(), said.encode(), wrong.encode(), errors, line, environment, *kept]
    )
    for secret in (
        PASSPHRASE.encode(),
        b"a wrong passphrase",
        key,
        key.hex().encode(),
        str(int.from_bytes(key)).encode(),
    ):
        assert secret not in everything
    end(signer.process)


def run(arguments: list[str], passphrase: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "chimera_wallet.signer", *arguments],
        input=passphrase + "\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    return done.stdout + done.stderr


def test_a_wrong_passphrase_and_a_second_signer_are_refused(
    new_signer, end, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr("os.umask", lambda _: 0)

    def refusal(passphrase: str) -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(passphrase + "\n"))
        assert main(signer.arguments) == 2
        return capsys.readouterr().err

    signer = new_signer(TOKEN, started=False)
    signer.start()
    assert "in use by another process" in refusal(PASSPHRASE)
    end(signer.process)
    assert "the passphrase is wrong" in refusal("incorrect horse")
    assert "fewer than 8 characters" in refusal("")
    signer.socket.unlink()
    signer.socket.touch()
    assert "is not a socket" in refusal(PASSPHRASE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cfo-key", "AA"], "--cfo-key"),
        (["--token", "USDC=0x1"], "checksum"),
        (["--token", "DOGE=0x1"], "--token"),
        (["--max-fee", "1 USDC"], "--max-fee"),
        (["--chain-id", "0"], "--chain-id"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path,
    cfo,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    mark = f"--cfo-key={cfo.public_key}"
    usual = ["--state", str(tmp_path), "--socket", str(tmp_path / "s"), mark, "--chain-id", "1"]
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    monkeypatch.setattr("os.umask", lambda _: 0)
    assert main([*usual, *arguments]) == 2
    assert said in capsys.readouterr().err
