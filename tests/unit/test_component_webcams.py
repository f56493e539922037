# Tests of the registration of webcams.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done when Moonraker or the engine is not as expected.

The rest is tested with real Moonraker in tests/integration.
"""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from moonraker_prusacam.component import webcams as module
from moonraker_prusacam.component.errors import EngineAbsent, EngineTimeout
from moonraker_prusacam.component.webcams import Webcams
from tests.support.fake_engine import camera

WAIT_S = 5.0


class ServerError(Exception):
    """Stands for Moonraker's."""


class FakeWebCam(SimpleNamespace):
    """Stands for Moonraker's record."""

    def __init__(self, _server: object, **fields: Any) -> None:
        super().__init__(**fields)

    def as_dict(self) -> dict[str, Any]:
        return dict(vars(self))


class FakeMoonraker:
    """Server and webcam component in one."""

    error = ServerError

    def __init__(self) -> None:
        self.webcams: dict[str, Any] = {}
        self.sent: list[list[str]] = []
        self.changed = asyncio.Event()

    def lookup_component(self, name: str) -> Any:
        assert name == "webcam"
        return self

    def get_webcams(self) -> dict[str, Any]:
        return self.webcams

    def get_app_args(self) -> dict[str, str]:
        return {"instance_uuid": "0" * 32}

    def send_event(self, event: str, params: dict[str, Any]) -> None:
        assert event == "webcam:webcams_changed"
        self.sent.append([webcam["name"] for webcam in params["webcams"]])
        self.changed.set()


class FakeLink:
    """Answers ``camera.list`` with one after the other, the last one again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        assert (method, params) == ("camera.list", {})
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def moonraker() -> FakeMoonraker:
    return FakeMoonraker()


@pytest.fixture
def known_moonraker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moonraker's webcam module, as far as it is used."""
    names = ("moonraker", "moonraker.components", "moonraker.components.webcam")
    for name in names:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setattr(sys.modules[names[-1]], "WebCam", FakeWebCam, raising=False)


async def finished(webcams: Webcams) -> None:
    task = webcams._task
    assert task is not None
    async with asyncio.timeout(WAIT_S):
        await task


@pytest.mark.usefixtures("known_moonraker")
async def test_webcams_when_list_fails_then_is_asked_again(
    moonraker: FakeMoonraker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    answers = (EngineTimeout("late"), {"cameras": None}, {"cameras": [camera("a")]})
    link = FakeLink(*answers)
    webcams = Webcams(moonraker, link)  # type: ignore[arg-type]
    webcams.start()
    await finished(webcams)
    assert link.calls == 3
    assert moonraker.sent == [["a"]]


@pytest.mark.usefixtures("known_moonraker")
async def test_webcams_when_engine_went_away_then_the_list_stays(
    moonraker: FakeMoonraker,
) -> None:
    link = FakeLink({"cameras": [camera("a")]}, EngineAbsent("gone"))
    webcams = Webcams(moonraker, link)  # type: ignore[arg-type]
    webcams.start()
    await finished(webcams)
    webcams.refresh()
    await finished(webcams)
    assert list(moonraker.webcams) == ["a"]
    assert len(moonraker.sent) == 1


@pytest.mark.usefixtures("known_moonraker")
async def test_webcams_when_engine_returns_without_cameras_then_nothing_is_sent(
    moonraker: FakeMoonraker,
) -> None:
    webcams = Webcams(moonraker, FakeLink({"cameras": []}))  # type: ignore[arg-type]
    for _ in range(2):
        webcams.start()
        await finished(webcams)
    assert moonraker.sent == []


@pytest.mark.usefixtures("known_moonraker")
async def test_webcams_when_asked_during_a_request_then_asks_once_more(
    moonraker: FakeMoonraker,
) -> None:
    link = FakeLink({"cameras": [camera("a")]})
    webcams = Webcams(moonraker, link)  # type: ignore[arg-type]
    webcams.start()
    for _ in range(50):
        webcams.refresh()
    await finished(webcams)
    assert link.calls <= 2
    assert moonraker.sent == [["a"]]


def refuse(_name: str) -> None:
    raise ServerError("Component (webcam) not found")


@pytest.mark.parametrize(
    "changes",
    # Without any, the module moonraker.components.webcam is not there.
    [{}, {"get_webcams": None}, {"lookup_component": refuse}],
)
async def test_webcams_when_moonraker_is_another_then_says_what_to_do(
    moonraker: FakeMoonraker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, Any],
) -> None:
    for name, value in changes.items():
        monkeypatch.setattr(moonraker, name, value)
    link = FakeLink({"cameras": [camera("a")]})
    webcams = Webcams(moonraker, link)  # type: ignore[arg-type]
    webcams.start()
    await finished(webcams)
    assert "add the cameras in the user interface instead" in caplog.text
    assert moonraker.sent == []
