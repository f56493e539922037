# Tests of what a camera of ours refuses.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever watches a camera can send triggers, of any kind and number."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.connect.signaling import camera_reactions, camera_role
from moonraker_prusacam.connect.signaling.camera_actions import Ability
from moonraker_prusacam.connect.signaling.messages import (
    Direction,
    Switch,
)
from moonraker_prusacam.connect.signaling.session import SessionState
from moonraker_prusacam.errors import FrameUnavailable
from moonraker_prusacam.secret import Secret
from tests.support import camera_role as support
from tests.support.camera_role import (
    ON,
    WAIT_S,
    Actions,
    Asking,
    asked,
)

OFF = Switch.OFF


begin_again_soon = pytest.fixture(autouse=True)(support.begin_again_soon)
actions = pytest.fixture(support.actions)
asking = pytest.fixture(support.asking)


HOSTILE: dict[str, tuple[str, dict[str, Any]]] = {
    "another camera": ("trigger", {"get_status": ON, "camera_token": Secret("x" * 20)}),
    "no camera": ("trigger", {"get_status": ON, "camera_token": Secret("")}),
    "nothing": ("trigger", {}),
    "no settings": ("configuration", {}),
    "reboot": ("trigger", {"reboot": ON}),
    "firmware": ("trigger", {"update_firmware": ON}),
    "rtsp": ("trigger", {"rtsp_server": ON}),
    "status off": ("trigger", {"get_status": OFF}),
    "snapshot off": ("trigger", {"get_snapshot": OFF}),
    "video off": ("trigger", {"make_video": OFF}),
    "files off": ("trigger", {"get_files": OFF}),
    "long id": ("trigger", {"get_status": ON, "request_id": "x" * 65}),
    "short interval": ("configuration", {"snapshot_interval_s": 9}),
    "long interval": ("configuration", {"snapshot_interval_s": 601}),
    "huge interval": ("configuration", {"snapshot_interval_s": (1 << 32) - 1}),
    "long name": ("configuration", {"job_name": "x" * 256}),
    "odd name": ("configuration", {"job_name": "a\nb"}),
    "light": ("configuration", {"light": ON}),
    "motor": ("configuration", {"direction": Direction.UP}),
    "frames a second": ("configuration", {"timelapse_fps": 60}),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_question_when_it_is_hostile_then_refused_counted_and_told_once(
    asking: Asking, actions: Actions, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    kind, fields = HOSTILE[name]
    caplog.clear()
    for _ in range(3):
        if kind == "trigger":
            await asking.trigger(**fields)
        else:
            await asking.configure(**fields)
    await asking.caught_up()
    assert asking.role.report()["refused"] == 3
    assert asking.role.report()["last_refused"]
    assert len(caplog.records) == 1
    assert actions.done == []
    assert asking.said == []
    assert asking.role.state is SessionState.READY


async def test_question_when_partly_allowed_then_that_part_is_done(
    asking: Asking, actions: Actions
) -> None:
    await asking.configure(light=ON, snapshot_interval_s=60, volume=200)
    await asking.trigger(get_status=ON, reboot=ON)
    await asking.caught_up()
    assert actions.done == [("interval", 60)]
    assert asking.said == ["status"]
    assert asking.role.refused == 3


@pytest.mark.parametrize("ability", Ability)
async def test_action_when_the_camera_has_no_such_ability_then_refused(
    asking: Asking, actions: Actions, ability: Ability
) -> None:
    actions.abilities = set(Ability) - {ability}
    fields: dict[Ability, dict[str, Any]] = {
        Ability.SNAPSHOT: {"get_snapshot": ON},
        Ability.INTERVAL: {"snapshots": OFF},
        Ability.TIMELAPSE: {"timelapse": ON},
        Ability.VIDEO: {"make_video": ON},
        Ability.FILES: {"get_files": ON},
    }
    await asking.trigger(**fields[ability])
    await asking.caught_up()
    assert asking.role.refused == 1
    assert actions.done == []


@pytest.mark.parametrize("octets", [b"", b"\xff", b"\x08", b"\x12\x7f", b"\0" * 70_000])
async def test_question_when_it_is_damaged_then_counted_and_the_next_is_answered(
    asking: Asking, octets: bytes
) -> None:
    for event in ("trigger", "configuration"):
        await asking.server.peers[0].emit(event, octets)
    await asking.server.peers[0].emit_text("trigger", "status")
    await asking.caught_up()
    report = asking.role.report()
    assert report["malformed"] + report["refused"] == 3
    assert asking.said == []


async def test_questions_when_too_many_then_the_rate_is_limited(
    actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_role, "BURST", 5.0)
    monkeypatch.setattr(camera_role, "PER_S", 0.0)
    async with asked(actions) as asking:
        for _ in range(50):
            await asking.trigger(get_status=ON)
        await asking.server.event("status", 4)
        await asking.until(lambda: asking.role.refused == 45)
        assert len(asking.server.events("status")) == 5


async def test_questions_when_an_action_is_slow_then_only_so_many_wait(
    asking: Asking, actions: Actions
) -> None:
    actions.gate.clear()
    for _ in range(40):
        await asking.trigger(timelapse=ON)
    # One is under way, 16 wait.
    await asking.until(lambda: asking.role.refused == 40 - 1 - 16)
    actions.gate.set()
    await asking.until(lambda: len(actions.done) == 1 + 16)
    await asking.caught_up()
    assert asking.role.refused == 40 - 1 - 16


async def test_action_when_it_does_not_end_then_the_next_question_is_answered(
    asking: Asking, actions: Actions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_reactions, "ACTION_TIMEOUT_S", 0.05)
    actions.gate.clear()
    await asking.trigger(timelapse=ON)
    await asking.caught_up()
    assert "took more than" in asking.role.last_refused


@pytest.mark.parametrize("error", [FrameUnavailable("none"), ZeroDivisionError("bug")])
async def test_action_when_it_fails_then_the_next_question_is_answered(
    asking: Asking,
    actions: Actions,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    actions.error = error
    await asking.trigger(get_status=ON)
    await asking.trigger(timelapse=ON, get_files=ON)
    await asking.trigger(get_snapshot=ON)
    await asking.caught_up()
    assert asking.said == []
    assert ("bug" in caplog.text) is isinstance(error, ZeroDivisionError)
    if isinstance(error, FrameUnavailable):
        assert asking.role.refused == 4


async def test_questions_when_the_session_is_lost_then_done_but_not_answered(
    asking: Asking, actions: Actions
) -> None:
    actions.gate.clear()
    await asking.trigger(timelapse=ON)
    for _ in range(5):
        await asking.trigger(get_status=ON)
    await asking.trigger(timelapse=OFF)
    await asking.until(lambda: actions.done)
    await asking.server.peers[0].close()
    await asking.server.peer(1)
    await asking.role.wait_ready(WAIT_S)
    actions.gate.set()
    await asking.caught_up()
    assert actions.done == [("timelapse", True), ("timelapse", False)]
    assert asking.said == []
