"""Every error tells what it is, with which status, and what to do."""

import pytest

from chimera import errors
from chimera.errors import Conflict, ToolFailed
from chimera_protocol.errors import ChimeraError, Problem

STATUSES = {
    "Invalid": 422,
    "Malformed": 400,
    "TooLarge": 413,
    "Unauthenticated": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "Conflict": 409,
    "NotAllowed": 405,
    "Halted": 423,
    "QueueFull": 429,
    "Unavailable": 503,
    "ToolFailed": 502,
    "ModelFailed": 502,
    "Superseded": 409,
}


def kinds() -> list[type[ChimeraError]]:
    return [
        kind for kind in ChimeraError.__subclasses__() if kind.__module__ in (errors.__name__, ChimeraError.__module__)
    ]


def test_every_error_has_its_status() -> None:
    assert {kind.__name__: kind.status for kind in kinds()} == STATUSES


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind is not ToolFailed])
def test_a_problem_has_the_shape_of_rfc_9457_with_a_remedy(kind: type[ChimeraError]) -> None:
    problem = kind("it went wrong").problem()
    assert list(problem) == ["type", "title", "status", "detail", "remedy"]
    assert Problem.model_validate(problem).detail == "it went wrong"
    assert problem["type"] == f"urn:chimera:problem:{kind.title.lower().replace(' ', '-')}"
    assert problem["remedy"] == kind.remedy and kind.remedy


def test_fields_and_a_remedy_of_its_own_are_shown() -> None:
    problem = Conflict("taken", remedy="Choose another.", name="nora").problem()
    assert (problem["remedy"], problem["name"], problem["status"]) == ("Choose another.", "nora", 409)
    assert Conflict.remedy != "Choose another."


def test_a_failed_tool_says_whether_it_may_have_taken_effect() -> None:
    error = ToolFailed("time-out", uncertain=True)
    assert (error.uncertain, error.permanent, error.problem()["status"]) == (True, False, 502)


def test_a_full_queue_says_when_to_come_back() -> None:
    assert errors.QueueFull("full").retry_after > 0
