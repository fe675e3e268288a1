"""The fault switch of the servers that pay is read strictly, and strikes as often as told."""

import time

import pytest

from chimera_wallet import faults

POINTS = ("after_sign", "after_broadcast")


def test_nothing_is_wrong_without_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHIMERA_X_FAULT", raising=False)
    faults.parse("CHIMERA_X_FAULT", POINTS).at("after_sign")


@pytest.mark.parametrize(
    "setting", ["die_after_sign", "die_after_sign:0", "die_after_sign:x", "sulk:1", "die_after_sign:1001"]
)
def test_the_switch_is_read_strictly(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("CHIMERA_X_FAULT", setting)
    with pytest.raises(ValueError, match=r"number of calls|knows die_after_sign"):
        faults.parse("CHIMERA_X_FAULT", POINTS)


def test_it_strikes_at_its_point_as_often_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setenv("CHIMERA_X_FAULT", "hang_after_sign:2")
    switch = faults.parse("CHIMERA_X_FAULT", POINTS)
    for _ in range(3):
        switch.at("after_broadcast")
        switch.at("after_sign")
    assert slept == [faults.HANG_SECONDS] * 2
