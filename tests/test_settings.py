"""Settings come from CHIMERA_… variables, are checked at once, and can be handed on to other processes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from chimera.settings import Settings
from chimera.values import Role


def test_without_any_variable_everything_is_embedded_and_offline() -> None:
    settings = Settings()
    assert (settings.database_url, settings.redis_url, settings.mcp_config) == (None, None, None)
    assert set(settings.model_names()) == {Role.PLANNER, Role.WORKER, Role.JUDGE}
    assert all(names == ["composer"] for names in settings.model_names().values())
    assert settings.host == "127.0.0.1"


def test_variables_win_over_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_DATABASE_URL", "postgresql://there/x")
    monkeypatch.setenv("CHIMERA_CONCURRENCY", "7")
    monkeypatch.setenv("CHIMERA_UNHEARD_OF", "1")
    settings = Settings()
    assert (settings.database_url, settings.concurrency) == ("postgresql://there/x", 7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "http"),
        ("CONCURRENCY", "0"),
        ("CONCURRENCY", "1025"),
        ("LEASE_SECONDS", "0.4"),
        ("LEASE_SECONDS", "nan"),
        ("QUEUE_BOUND", "0"),
    ],
)
def test_a_value_that_cannot_be_is_refused_and_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CHIMERA_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_each_role_has_its_model_and_the_fallback_comes_last() -> None:
    settings = Settings(model="a:big", model_judge="b:careful", model_fallback="composer")
    assert settings.model_names() == {
        Role.PLANNER: ["a:big", "composer"],
        Role.WORKER: ["a:big", "composer"],
        Role.JUDGE: ["b:careful", "composer"],
    }


def test_a_supervisor_hands_its_settings_on_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = Settings(
        state=tmp_path,
        redis_url="redis://there",
        port=0,
        media_folders=[tmp_path],
        lease_seconds=1.5,
        model_judge="b:careful",
    )
    for name, value in given.environment().items():
        if name.startswith("CHIMERA_"):
            monkeypatch.setenv(name, value)
    assert Settings() == given


def test_what_is_not_set_is_not_handed_on() -> None:
    assert "CHIMERA_DATABASE_URL" not in Settings().environment()
