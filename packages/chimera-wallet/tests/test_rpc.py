"""JSON-RPC from the wallet's side: a refusal is told from an answer that never came or makes no sense."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from chimera_wallet.rpc import BLOCK, DATA, LOGS, QUANTITY, RECEIPT, Rpc, RpcRefused, RpcUnreachable

MINED = {"blockNumber": "0x5", "status": "0x1", "gasUsed": "0x10", "effectiveGasPrice": "0x3", "logs": []}


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], str]]:
    """A node that answers every request with the given bytes."""
    said = [b""]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", str(len(said[0])))
            self.end_headers()
            self.wfile.write(said[0])

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(body: bytes) -> str:
        said[0] = body
        return f"http://127.0.0.1:{server.server_port}"

    yield answer
    server.shutdown()
    server.server_close()


def result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 0, "result": value}).encode()


async def test_answers_have_their_types(answering: Callable[[bytes], str]) -> None:
    assert await Rpc(answering(result("0x1f"))).ask(QUANTITY, "m") == 31
    assert await Rpc(answering(result("0x00ff"))).ask(DATA, "m") == b"\x00\xff"
    assert await Rpc(answering(result(None))).ask(RECEIPT, "m") is None
    receipt = await Rpc(answering(result({**MINED, "l1Fee": "0x2"}))).ask(RECEIPT, "m")
    assert receipt is not None
    assert receipt.fee == 16 * 3 + 2


async def test_several_questions_are_answered_in_their_order(embedded) -> None:
    rpc = Rpc(embedded.url)
    assert await rpc.ask_all(QUANTITY, []) == []
    asked = [("eth_chainId", []), ("eth_blockNumber", [])] * 80
    answers = await rpc.ask_all(QUANTITY, asked)
    assert answers[::2] == [31_337] * 80
    assert await rpc.ask(LOGS, "eth_getLogs", {"fromBlock": "0xfff0"}) == []
    block = await rpc.ask(BLOCK, "eth_getBlockByNumber", "0x1", True)
    assert block is not None
    assert len(block.transactions) == 1


async def test_a_refusal_is_the_nodes_own_word(embedded) -> None:
    with pytest.raises(RpcRefused, match="not a transaction"):
        await Rpc(embedded.url).ask(DATA, "eth_sendRawTransaction", "0x00")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"5", b'{"id":5,"result":"0x1"}', b"[]", result("31"), result(7), result({}), result("0xzz")],
)
async def test_an_answer_that_makes_no_sense_is_no_answer(answering: Callable[[bytes], str], body: bytes) -> None:
    with pytest.raises(RpcUnreachable):
        await Rpc(answering(body)).ask(QUANTITY, "m")


async def test_a_node_that_is_not_there_cannot_be_reached() -> None:
    with pytest.raises(RpcUnreachable, match="cannot be reached"):
        await Rpc("http://127.0.0.1:1").ask(QUANTITY, "m")


class Watched(BaseHTTPRequestHandler):
    """A node that refuses with an HTTP status of its own, or hangs up, and counts what it was sent."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert isinstance(self.server, WatchedServer)
        self.server.sent.append(asked["params"][0])
        if asked["params"] == ["0xdrop"]:
            return
        said = json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "nonce too low"}}).encode()
        self.send_response(400)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class WatchedServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Watched)
        self.sent: list[str] = []


@pytest.fixture
def watched() -> Iterator[WatchedServer]:
    with WatchedServer() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_refusal_counts_whatever_its_http_status(watched: WatchedServer) -> None:
    rpc = Rpc(f"http://127.0.0.1:{watched.server_port}")
    with pytest.raises(RpcRefused, match="nonce too low"):
        await rpc.ask(DATA, "eth_sendRawTransaction", "0x00")


async def test_a_transaction_whose_answer_is_lost_is_not_sent_again(watched: WatchedServer) -> None:
    rpc = Rpc(f"http://127.0.0.1:{watched.server_port}")
    with pytest.raises(RpcUnreachable):
        await rpc.ask(DATA, "eth_sendRawTransaction", "0xdrop")
    assert watched.sent == ["0xdrop"]


async def test_a_node_on_this_machine_is_asked_without_a_proxy(
    watched: WatchedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with pytest.raises(RpcRefused):
        await Rpc(f"http://127.0.0.1:{watched.server_port}").ask(DATA, "eth_sendRawTransaction", "0x00")
