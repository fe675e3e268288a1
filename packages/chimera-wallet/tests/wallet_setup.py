"""What tests of payments share: chains, signers and a CFO, as the processes and keys they really are."""

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from eth_account import Account
from tests import failpoints

from chimera_protocol.money import Money
from chimera_protocol.payments import PaymentOrder
from chimera_protocol.statements import signed_bytes
from chimera_wallet.tokens import contract
from chimera_wallet.tokens.amounts import money_units
from chimera_wallet.tokens.contract import Issue

SOURCE = os.pathsep.join(path for path in sys.path if path)
PASSPHRASE = "correct horse battery staple"
ANVIL_CHAIN = 31_337
# The first account of anvil's well-known mnemonic; it holds test money only.
ANVIL_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ANYBODY = "0x52908400098527886E0F7030069857D2E4169EE7"


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CHIMERA_")}
    return {**kept, "PYTHONPATH": SOURCE, **more}


def wait_for(seen: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > deadline:
            pytest.fail("it did not happen in time")
        threading.Event().wait(0.02)


@dataclass
class Node:
    """A chain that listens somewhere."""

    url: str
    token: str
    fund: Callable[[str, str], None]
    process: subprocess.Popen[str]
    environment: dict[str, str] = field(default_factory=lambda: environment())

    def ask(self, method: str, *parameters: object) -> object:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        reply = httpx2.post(self.url, json=body, timeout=30, trust_env=False).json()
        assert "error" not in reply, reply
        return reply["result"]

    def number(self, method: str, *parameters: object) -> int:
        return int(str(self.ask(method, *parameters)), 16)

    def balance(self, address: str, token: str | None = None) -> int:
        """What an address has, in the token's smallest unit; in wei without a token."""
        if token is None:
            return self.number("eth_getBalance", address, "latest")
        call = {"to": token, "data": "0x" + contract.balance_of(address).hex()}
        return self.number("eth_call", call, "latest")


def run_chain(state: Path, **env: str) -> Node:
    process = subprocess.Popen(
        [sys.executable, "-m", "chimera_devnet.chain", "--state", str(state)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(**env),
    )
    assert process.stdout is not None
    node = Node(process.stdout.readline().split()[-1], "", lambda *_: None, process)
    info = node.ask("chimera_info")
    assert isinstance(info, dict)
    node.token = info["token"]
    node.fund = lambda address, money: node.ask("chimera_fund", address, money) and None
    return node


def start_anvil(program: str) -> Node:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([program, "--silent", "--port", str(port)], stdout=subprocess.DEVNULL, text=True)
    node = Node(f"http://127.0.0.1:{port}", "", lambda *_: None, process)

    def listening() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    wait_for(listening)
    owner = Account.from_key(ANVIL_KEY)

    def send(to: str, data: bytes, value: int = 0) -> dict[str, str]:
        transaction = {
            "chainId": ANVIL_CHAIN,
            "nonce": node.number("eth_getTransactionCount", owner.address, "latest"),
            "gas": 2_000_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
            "to": to,
            "value": value,
            "data": data,
        }
        raw = Account.sign_transaction(transaction, ANVIL_KEY).raw_transaction.to_0x_hex()
        tx_hash = node.ask("eth_sendRawTransaction", raw)
        wait_for(lambda: node.ask("eth_getTransactionReceipt", tx_hash) is not None)
        receipt = node.ask("eth_getTransactionReceipt", tx_hash)
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x1"
        return receipt

    issue = Issue("USD Coin (test)", "USDC", 6, 0, owner.address, owner.address)
    made = send("", contract.deployment(issue))["contractAddress"]
    node.token = contract.party("0x" + made[2:].rjust(64, "0"))

    def fund(address: str, text: str) -> None:
        money = Money.parse(text)
        if money.currency == "ETH":
            send(address, b"", money_units(money))
        else:
            send(node.token, contract.mint(address, money_units(money)))

    node.fund = fund
    return node


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = run_chain(tmp_path_factory.mktemp("chain"))
    yield node
    end_process(node.process)


@pytest.fixture
def start_chain() -> Iterator[Callable[..., Node]]:
    with ExitStack() as stack:

        def start(state: Path, **env: str) -> Node:
            node = run_chain(state, **env)
            stack.callback(end_process, node.process)
            return node

        yield start


@pytest.fixture
def end() -> Callable[[subprocess.Popen[str]], None]:
    return end_process


@pytest.fixture(scope="session")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    program = shutil.which("anvil")
    if program is None and os.environ.get("CHIMERA_TEST_ANVIL"):
        folder = tmp_path_factory.mktemp("anvil")
        npm = shutil.which("npm")
        assert npm is not None
        subprocess.run([npm, "install", "--silent", "@foundry-rs/anvil"], cwd=folder, check=True, timeout=300)
        program = str(folder / "node_modules" / ".bin" / "anvil")
    if program is None:
        pytest.skip("anvil is not on the PATH; CHIMERA_TEST_ANVIL=1 has npm fetch it")
    node = start_anvil(program)
    yield node
    end_process(node.process)


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def node(request: pytest.FixtureRequest) -> Node:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Node)
    return found


class Cfo:
    """Someone whose word the signer takes."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self.public_key = _base64url(self._key.public_key().public_bytes_raw())

    def order(self, account: str, **changed: object) -> dict[str, object]:
        said: dict[str, object] = {
            "order_id": uuid4(),
            "account": account,
            "action": "transfer",
            "chain_id": ANVIL_CHAIN,
            "destination": ANYBODY,
            "amount": "10 USDC",
            "max_fee": "0.005 ETH",
            "purpose": "a test",
            "budget_verification_hash": "0" * 64,
            "expires_at": datetime.now(UTC) + timedelta(hours=1),
        }
        return PaymentOrder.model_validate({**said, **changed}).model_dump(mode="json")

    def sign(self, order: dict[str, object]) -> str:
        header = _base64url(b'{"alg":"EdDSA","b64":false,"crit":["b64"]}')
        return f"{header}..{_base64url(self._key.sign(header.encode() + b'.' + signed_bytes(order)))}"


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def cfo() -> Cfo:
    return Cfo()


@dataclass
class SignerProcess:
    """A signer, started again on the same state as often as one likes."""

    state: Path
    socket: Path
    arguments: list[str]
    process: subprocess.Popen[str] = field(init=False)

    def start(self, passphrase: str = PASSPHRASE, **env: str) -> None:
        with (self.state.parent / "signer.err").open("ab") as errors:
            self.process = subprocess.Popen(
                [*failpoints.command("chimera_wallet.signer"), *self.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment(**env),
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(passphrase + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, method: str, **request: object) -> dict[str, object]:
        """The answer to a request; EOFError when the signer went away instead."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(30)
            line.connect(str(self.socket))
            line.sendall(json.dumps({"method": method, **request}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                piece = line.recv(65_536)
                if not piece:
                    raise EOFError("the signer is gone")
                answer += piece
        told = json.loads(answer)
        assert isinstance(told, dict)
        return told


@pytest.fixture(scope="session")
def new_signer(tmp_path_factory: pytest.TempPathFactory, cfo: Cfo) -> Iterator[Callable[..., SignerProcess]]:
    """Makes a signer on a state of its own; its socket's path is short, as the kernel wants it."""
    with ExitStack() as stack:

        def make(token: str, *more: str, started: bool = True) -> SignerProcess:
            folder = tmp_path_factory.mktemp("s")
            arguments = ["--state", str(folder / "state"), "--socket", str(folder / "sock")]
            arguments += [f"--cfo-key={cfo.public_key}", "--chain-id", str(ANVIL_CHAIN), "--token", f"USDC={token}"]
            signer = SignerProcess(folder / "state", folder / "sock", [*arguments, *more])
            if started:
                signer.start()
                stack.callback(lambda: end_process(signer.process))
            return signer

        yield make


@pytest.fixture
def account() -> str:
    return f"{uuid4()}:{uuid4()}"


def end_process(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(timeout=10)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
