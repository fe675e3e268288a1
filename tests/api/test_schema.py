"""The OpenAPI document is kept to the letter, whatever is sent: generated calls over ASGI, no real model."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)
from tests.fixtures import finish
from tests.journeys.fleet import LIMITLESS, brief, dispatch, open_fleet

from chimera.settings import Settings
from chimera.values import KeyRole
from chimera.wiring import System
from chimera.wiring.api import create_app

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]

NEVER = {("DELETE", "/v1/keys/{key_id}")}
"""It could revoke the key that the others are tried with; tests/api/test_auth.py has it."""


@pytest.fixture(scope="session")
def schema_settings(
    new_database: Callable[[], "Iterator[str]"], redis: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """A database that all generated calls share."""
    with new_database() as url:  # type: ignore[attr-defined]
        yield Settings(state=tmp_path_factory.mktemp("schema"), database_url=url, redis_url=redis)


async def furnish(given: Settings) -> str:
    """Something to find, and an operator's key."""
    system = System(given)
    await system.open()
    fleet = await open_fleet(system, None)
    await fleet.post("/v1/tasks", dispatch("a-task"))
    await fleet.post("/v1/campaigns", brief(), 201)
    await fleet.put("/v1/policy", LIMITLESS)
    await fleet.client.aclose()
    await system.close()
    return fleet.keys[KeyRole.OPERATOR]


@pytest.fixture(scope="session")
def api(schema_settings: Settings) -> Iterator["schemathesis.BaseSchema"]:
    """The document as the application serves it, with a key that opens every gate."""
    key = finish(furnish(schema_settings))
    found = schemathesis.openapi.from_asgi("/openapi.json", create_app(System(schema_settings)))
    found.config.update(headers={"Authorization": f"Bearer {key}"})
    yield found
    shutdown_lifespans()


def operations() -> list[tuple[str, str]]:
    """Every operation, read from an application that is never started."""
    nowhere = Settings(state=Path("nowhere"), database_url="postgresql://nowhere/x", redis_url="redis://nowhere")
    paths = create_app(System(nowhere)).openapi()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


@pytest.mark.parametrize(("method", "path"), [pair for pair in operations() if pair not in NEVER])
def test_every_generated_call_is_answered_as_the_document_says(
    api: "schemathesis.BaseSchema", method: str, path: str
) -> None:
    # No role is at work here, and health is honest: its 503 is the documented answer.
    checks = [check for check in CHECKS if path != "/health" or check is not not_a_server_error]

    @given(case=api[path][method].as_strategy())
    @settings(
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answered(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=checks)

    answered()


def test_the_document_names_the_errors_and_the_key(api: "schemathesis.BaseSchema") -> None:
    document = api.raw_schema
    schemes = document["components"]["securitySchemes"]
    assert [scheme["scheme"] for scheme in schemes.values()] == ["bearer"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/v1"):
                assert operation["security"], f"{method} {path} says nothing of a key"
                assert {"401", "403", "404", "422", "429", "503"} <= set(operation["responses"]), f"{method} {path}"
                problem = operation["responses"]["422"]["content"]
                assert list(problem) == ["application/problem+json"], f"{method} {path}"
            assert operation["summary"]
            assert operation["description"]


def test_no_page_of_the_board_is_part_of_the_document(api: "schemathesis.BaseSchema") -> None:
    known = Path("/v1"), Path("/health"), Path("/healthz"), Path("/readyz"), Path("/metrics"), Path("/verify")
    for path in api.raw_schema["paths"]:
        assert any(Path(path).is_relative_to(root) for root in known), path
