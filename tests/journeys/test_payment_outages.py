"""What payments stand on goes away in the middle of them, and comes back (FIN-6)."""

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from seller import serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.journeys.fleet import until
from tests.journeys.paying import PASSPHRASE, Street, street_settings, till_on

from chimera.gateways.signing_keys import KeyFile
from chimera.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAIN_ID = 31_337
MINT = "0x" + "0" * 40


class Program:
    """A server that can be killed, and started again with the same words."""

    def __init__(self, *words: str, told: str = "") -> None:
        self._words = words
        self._told = told
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", *self._words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{self._told}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate(timeout=10)


@dataclass
class Town:
    """A chain behind a line that can be cut when a transaction passes, and a signer."""

    chain: Program
    chain_url: str
    signer: Program | None = None
    street: Street | None = None
    cut: str = ""

    async def line(self, request: Request) -> Response:
        body = await request.body()
        cut = self.cut if b"eth_sendRawTransaction" in body else ""
        if cut == "before the broadcast":
            self.chain.kill()
        try:
            async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
                answer = await client.post(self.chain_url, content=body, headers={"content-type": "application/json"})
        except httpx2.HTTPError:
            return Response(status_code=502)
        if cut == "after it":
            self.chain.kill()
            return Response(status_code=502)
        return Response(answer.content, media_type="application/json")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    state = tmp_path_factory.mktemp("town") / "state"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    chain = Program("chimera_devnet.chain", "--state", str(state / "chain"), "--port", port)
    made = Town(chain, f"http://127.0.0.1:{port}")
    with ExitStack() as stack:
        stack.callback(chain.kill)
        await asyncio.to_thread(chain.start)
        line = Starlette(routes=[Route("/", made.line, methods=["POST"])])
        _, url = stack.enter_context(serving(line))
        given = street_settings(state, chain_url=url, chain_id=CHAIN_ID)
        info = await Street(given).ask("chimera_info")
        tokens = {"USDC": info["token"]}
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chimera-town-"))) / "sock"
        key = KeyFile(state / "keys" / "cfo.pem").public_key
        words = ("--state", str(state / "signer"), "--socket", str(place), f"--cfo-key={key}")
        more = ("--chain-id", str(CHAIN_ID), "--token", f"USDC={tokens['USDC']}")
        made.signer = Program("chimera_wallet.signer", *words, *more, told=PASSPHRASE)
        stack.callback(made.signer.kill)
        await asyncio.to_thread(made.signer.start)
        funding = [info["faucet"], MINT]
        filled = {"chain_tokens": tokens, "signer_socket": place, "funding_addresses": funding}
        made.street = Street(given.model_copy(update=filled))
        yield made
        await made.street.host.close()


@pytest.mark.parametrize("moment", ["before the broadcast", "after it"])
async def test_a_chain_that_dies_after_the_signature_is_paid_over_once_when_it_is_back(
    town: Town, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]", moment: str
) -> None:
    assert town.street is not None
    async with till_on(town.street, settings, raw) as till:
        effect_id = await till.approved_spend()
        town.cut = moment
        async with till.publishing():
            await till.reaches(effect_id, "unknown")
            assert [row["status"] for row in await till.payments()] == ["ordered"]
            assert [row["status"] for row in await till.reservations()] == ["pending", "pending"]
            town.cut = ""
            await asyncio.to_thread(town.chain.start)
            await till.reaches(effect_id, "done", "reconciled")
        await till.paid_once(effect_id)


async def test_a_payment_waits_for_a_signer_that_is_away(
    town: Town, settings: Settings, raw: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    assert town.street is not None and town.signer is not None
    async with till_on(town.street, settings, raw) as till:
        effect_id = await till.approved_spend()
        town.signer.kill()
        async with till.publishing():
            row = await until(lambda: till.effect_row(effect_id), lambda found: found["cause"])
            assert (row["status"], "the signer cannot be reached" in row["cause"]) == ("authorised", True)
            assert [each["status"] for each in await till.reservations()] == ["pending"]
            await asyncio.to_thread(town.signer.start)
            await till.reaches(effect_id, "done", "reconciled")
        await till.paid_once(effect_id)
