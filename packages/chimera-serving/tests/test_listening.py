"""An application is served until a signal, or until the parent has gone."""

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chimera_serving import listening


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def test_it_says_where_it_listens_and_ends_with_its_parent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = asyncio.Event()
    monkeypatch.setattr(listening, "parent_gone", gone.wait)
    app = Starlette(routes=[Route("/", hello)])
    serving = asyncio.create_task(listening.serve_app(app, "127.0.0.1", 0, path="/"))
    await asyncio.sleep(0)
    said = capsys.readouterr().out
    assert said.startswith("listening on http://127.0.0.1:")
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(said.split()[-1])).text == "hello"
    gone.set()
    async with asyncio.timeout(5):
        await serving


async def test_a_place_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(OSError, match="assign"):
        await listening.serve_app(Starlette(), "192.0.2.1", 0, path="/")


@pytest.mark.parametrize("text", ["-1", "65536", "x"])
def test_a_port_is_a_port(text: str) -> None:
    assert listening.port_number("8801") == 8801
    with pytest.raises(ValueError, match=r"port|invalid"):
        listening.port_number(text)
