"""Every error is problem+json that says what to do, and no input gets past the bounds (RFC 9457)."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, JsonValue

from chimera.api import problems
from chimera.errors import Conflict, QueueFull, Unauthenticated, Unavailable
from chimera_protocol.errors import ChimeraError, Problem

RAISED: dict[str, Exception] = {
    "conflict": Conflict("it has moved on", fact="a figure"),
    "full": QueueFull("too many"),
    "away": Unavailable("PostgreSQL cannot be reached"),
    "who": Unauthenticated("this needs an API key"),
    "bug": ZeroDivisionError("secret detail"),
}


class Note(BaseModel):
    """A body with anything in it."""

    text: JsonValue
    number: int = 0


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI()
    problems.install(app)

    @app.post("/notes")
    async def add(note: Note) -> Note:
        return note

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise RAISED[name]

    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://chimera.test") as client:
        yield client


async def send(client: httpx2.AsyncClient, body: bytes) -> httpx2.Response:
    return await client.post("/notes", content=body, headers={"content-type": "application/json"})


def problem(response: httpx2.Response, status: int) -> dict[str, JsonValue]:
    """The body, which must be a problem with this status."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, JsonValue] = response.json()
    Problem.model_validate(found)
    assert found["status"] == status
    assert str(found["type"]).startswith("urn:chimera:problem:")
    assert found["remedy"]
    return found


async def test_a_known_error_keeps_its_status_words_and_figures(client: httpx2.AsyncClient) -> None:
    found = problem(await client.get("/raise/conflict"), 409)
    assert (found["detail"], found["fact"]) == ("it has moved on", "a figure")


@pytest.mark.parametrize(
    ("name", "status", "header", "value"),
    [
        ("full", 429, "retry-after", "2"),
        ("away", 503, "retry-after", "2"),
        ("who", 401, "www-authenticate", "Bearer"),
    ],
)
async def test_an_error_brings_the_header_that_helps(
    client: httpx2.AsyncClient, name: str, status: int, header: str, value: str
) -> None:
    response = await client.get(f"/raise/{name}")
    problem(response, status)
    assert response.headers[header] == value


async def test_an_error_nobody_foresaw_tells_its_kind_and_no_more(client: httpx2.AsyncClient) -> None:
    found = problem(await client.get("/raise/bug"), 500)
    assert "ZeroDivisionError" in str(found["detail"])
    assert "secret" not in json.dumps(found)


async def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405_that_names_the_right_one(
    client: httpx2.AsyncClient,
) -> None:
    problem(await client.get("/nowhere"), 404)
    response = await client.get("/notes")
    problem(response, 405)
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"", b"{", b"[1,", b'{"text": }', b"nonsense", b'{"text": 1}}', b"\xef\xbb\xbf{}x"])
async def test_malformed_json_is_a_4xx_problem(client: httpx2.AsyncClient, body: bytes) -> None:
    response = await send(client, body)
    problem(response, 422 if not body else 400)


@pytest.mark.parametrize("body", [b"\xff", b'{"text": "\xc3"}', '{"text": "a"}'.encode("utf-16"), b"\xed\xa0\x80"])
async def test_bytes_that_are_not_utf_8_are_a_400(client: httpx2.AsyncClient, body: bytes) -> None:
    assert "UTF-8" in str(problem(await send(client, body), 400)["detail"])


@pytest.mark.parametrize("body", [b'{"text": "a\\u0000b"}', b'{"text": {"a\\u0000": 1}}', b'{"text": "\x00"}'])
async def test_nul_is_refused_wherever_it_hides(client: httpx2.AsyncClient, body: bytes) -> None:
    problem(await send(client, body), 422)


@pytest.mark.parametrize(
    "text", ["\\ud83d", "\\uDE80", "x\\udc00\\ud800", "\\ud83d\\ud83d", "\\uD83Dx"], ids=lambda text: text
)
async def test_half_a_surrogate_pair_is_refused(client: httpx2.AsyncClient, text: str) -> None:
    problem(await send(client, f'{{"text": "{text}"}}'.encode()), 422)
    problem(await send(client, f'{{"text": {{"{text}": 1}}}}'.encode()), 422)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("\\ud83d\\ude80", "🚀"), ("\\\\ud83d", "\\ud83d"), ("\\\\u0000", "\\u0000"), ("ðŸš€", "ðŸš€")],
)
async def test_what_only_looks_like_bad_text_gets_through(client: httpx2.AsyncClient, written: str, meant: str) -> None:
    response = await send(client, f'{{"text": "{written}"}}'.encode())
    assert response.status_code == 200, response.text
    assert response.json()["text"] == meant


@pytest.mark.parametrize("depth", [200, 2_000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_deep_nesting_is_refused_as_what_it_is(client: httpx2.AsyncClient, depth: int, opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    response = await send(client, b'{"text": ' + opening * depth + b"1" + closing * depth + b"}")
    if response.status_code != 200:
        assert response.status_code in (400, 422), response.text
        problem(response, response.status_code)


@pytest.mark.parametrize("number", [b"1" * 5_000, b"-" + b"9" * 5_000, b"1e999999", b"NaN", b"Infinity", b"-Infinity"])
async def test_a_number_that_json_or_a_database_cannot_hold_is_refused(
    client: httpx2.AsyncClient, number: bytes
) -> None:
    for field in (b"text", b"number"):
        response = await send(client, b'{"text": 1, "' + field + b'": ' + number + b"}")
        assert response.status_code in (400, 422), response.text[:300]
        problem(response, response.status_code)


async def test_the_largest_body_passes_and_one_byte_more_is_a_413(client: httpx2.AsyncClient) -> None:
    frame = len(b'{"text": ""}')
    fits = b'{"text": "' + b"x" * (problems.MAX_BODY - frame) + b'"}'
    assert (await send(client, fits)).status_code == 200
    found = problem(await send(client, fits[:-2] + b'x"}'), 413)
    assert str(problems.MAX_BODY) in str(found["detail"])


async def test_a_body_that_never_ends_is_cut_off_at_the_bound(client: httpx2.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 65_536
            yield b"x" * 65_536

    problem(await client.post("/notes", content=endless()), 413)
    assert sent <= 2 * problems.MAX_BODY


async def test_a_field_that_does_not_fit_is_named(client: httpx2.AsyncClient) -> None:
    found = problem(await send(client, b'{"text": 1, "number": "many"}'), 422)
    assert "body.number" in str(found["detail"])
    assert found["errors"] == [found["detail"]]


async def test_a_wrong_content_type_is_refused(client: httpx2.AsyncClient) -> None:
    response = await client.post("/notes", content=b"text=1", headers={"content-type": "text/plain"})
    problem(response, 422)


def test_every_error_class_makes_a_whole_problem() -> None:
    todo, seen = [ChimeraError], set()
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        seen.add(kind.__name__)
        assert kind.status in problems._STATUSES or kind.status == 502, kind
        assert kind.title
        assert kind.remedy
    assert len(seen) > 10
