"""The application as a whole: one process that serves the API, its document and the board."""

import httpx2

from chimera.wiring import System
from chimera.wiring.api import create_app


async def test_it_serves_its_document_and_sends_people_to_the_door(system: System) -> None:
    transport = httpx2.ASGITransport(create_app(system))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        document = (await client.get("/openapi.json")).json()
        page = await client.get("/")

    assert document["info"]["title"] == "Chimera"
    assert {"/v1/tasks", "/v1/transactions/authorize", "/healthz"} <= set(document["paths"])
    assert page.status_code == 303
    assert page.headers["location"].startswith("/enter")


async def test_two_applications_on_one_system_answer_alike(system: System) -> None:
    answers = []
    for app in (create_app(system), create_app(system)):
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            answers.append((await client.get("/v1/tasks")).json())

    assert answers[0] == answers[1]
    assert answers[0]["status"] == 401
