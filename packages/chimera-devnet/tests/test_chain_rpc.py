"""The chain as a process: JSON-RPC within bounds, one writer, and the same chain after kill -9."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from chimera_devnet.chain.__main__ import main
from chimera_devnet.chain.evm import ChainRejected
from chimera_devnet.chain.rpc import MAX_BATCH, MAX_BODY, answered
from chimera_serving.journal import JournalError

FRIEND = "0x52908400098527886E0F7030069857D2E4169EE7"


def refuse(_: object) -> None:
    raise ChainRejected("no")


def revert(_: object) -> None:
    data = "08c379a0" + f"{32:064x}" + f"{3:064x}" + b"why".hex().ljust(64, "0")
    raise ChainRejected("execution reverted", bytes.fromhex(data))


def fail(_: object) -> None:
    raise JournalError("the disk is full")


KNOWN = {"echo": lambda parameters: list(parameters), "refuse": refuse, "revert": revert, "fail": fail}


def ask(sent: object) -> object:
    return answered(KNOWN, sent if isinstance(sent, bytes) else json.dumps(sent).encode())


def request(method: str, **more: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 7, "method": method, **more}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"{", -32700),
        (b"\xff", -32700),
        ([], -32600),
        (5, -32600),
        ({"jsonrpc": "1.0", "method": "echo", "id": 1}, -32600),
        ({"jsonrpc": "2.0", "method": 5, "id": 1}, -32600),
        ([request("echo")] * (MAX_BATCH + 1), -32600),
        (request("nothing"), -32601),
        (request("echo", params={"a": 1}), -32602),
        (request("fail"), -32603),
        (request("refuse"), -32000),
        (request("revert"), 3),
    ],
)
def test_every_error_has_its_code(sent: object, code: int) -> None:
    answer = ask(sent)
    assert answer["jsonrpc"] == "2.0"
    assert answer["error"]["code"] == code


def test_a_revert_says_why() -> None:
    error = ask(request("revert"))["error"]
    assert error["message"] == "execution reverted: why"
    assert error["data"].startswith("0x08c379a0")


def test_requests_alone_in_batches_and_without_an_answer() -> None:
    assert ask(request("echo", params=[1])) == {"jsonrpc": "2.0", "id": 7, "result": [1]}
    batch = [request("echo"), {"jsonrpc": "2.0", "method": "echo"}, 5]
    assert [("result" in answer) for answer in ask(batch)] == [True, False]
    assert ask({"jsonrpc": "2.0", "method": "echo"}) is None
    assert ask([{"jsonrpc": "2.0", "method": "echo"}]) is None


def test_over_http_within_bounds(embedded) -> None:
    with httpx2.Client(trust_env=False) as http:
        assert http.post(embedded.url, content=b"x" * (MAX_BODY + 1)).status_code == 413
        assert http.post(embedded.url, content=b"{").json()["error"]["code"] == -32700
        assert http.post(embedded.url, json={"jsonrpc": "2.0", "method": "eth_chainId"}).status_code == 204
        batch = [{"jsonrpc": "2.0", "id": n, "method": "eth_chainId", "params": []} for n in range(3)]
        assert [answer["id"] for answer in http.post(embedded.url, json=batch).json()] == [0, 1, 2]


def history(node) -> list[object]:
    blocks = [node.ask("eth_getBlockByNumber", hex(n), True) for n in range(node.number("eth_blockNumber") + 1)]
    hashes = [transaction["hash"] for block in blocks for transaction in block["transactions"]]
    receipts = [node.ask("eth_getTransactionReceipt", tx_hash) for tx_hash in hashes]
    return [*blocks, *receipts, node.ask("eth_getLogs", {"fromBlock": "0x0"}), node.balance(FRIEND)]


def test_after_kill_9_it_is_the_same_chain_and_it_has_one_writer(tmp_path: Path, start_chain, end) -> None:
    node = start_chain(tmp_path)
    node.fund(FRIEND, "3 ETH")
    node.fund(FRIEND, "500 USDC")
    second = subprocess.run(
        [sys.executable, "-m", "chimera_devnet.chain", "--state", str(tmp_path)],
        capture_output=True,
        text=True,
        env=node.environment,
    )
    assert second.returncode == 2
    assert "in use by another process" in second.stderr
    before = history(node)
    end(node.process)
    with (tmp_path / "chain.jsonl").open("ab") as file:
        file.write(b'{"raw":"02f8')
    again = start_chain(tmp_path, CHIMERA_PARENT_PID=str(os.getpid()))
    assert history(again) == before
    assert again.balance(FRIEND) == 3 * 10**18
    assert again.balance(FRIEND, again.token) == 500_000_000
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(timeout=5) in (0, -signal.SIGTERM)
    end(again.process)


def test_a_chain_that_cannot_start_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert main(["--state", str(tmp_path / "file")]) == 2
    assert "cannot be opened" in capsys.readouterr().err
    assert main(["--state", str(tmp_path / "a"), "--host", "192.0.2.1"]) == 2
    assert "cannot serve" in capsys.readouterr().err
